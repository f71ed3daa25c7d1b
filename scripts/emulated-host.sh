# Sourced by the `test` scripts of x86-host and arm64-host, whose directory is $scripts.

# on_host ARGUMENT...: $scripts/run. An emulated machine that fails as a whole is begun again, once: nothing there is swvmm's then. 99 when it fails both times.
on_host() {
    local try status
    for try in 1 2; do
        status=0
        "$scripts/run" "$@" || status=$?
        [ $status = 99 ] || return $status
        echo "${scripts##*/}/test: the emulated machine failed as a whole (try $try of 2)" >&2
    done
    return $status
}

# guest NAME: where a guest's vmlinuz and initrd.cpio are; nothing when it is not there.
guest() {
    local kernel
    kernel=$("$scripts/../fetch-test-guests" "$1" --list 2> /dev/null | sed -n "s/^$1.kernel=//p") || true
    [ -z "$kernel" ] || dirname "$kernel"
}
