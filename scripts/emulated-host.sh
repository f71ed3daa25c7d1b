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

# copy_guests DIRECTORY NAME...: those that are there, as DIRECTORY/NAME/vmlinuz and initrd.cpio.
copy_guests() {
    local target=$1 name directory
    shift
    for name in "$@"; do
        directory=$(guest "$name")
        [ -n "$directory" ] || { echo "no $name: scripts/build-tiny-linux ${name%-tiny} makes it"; continue; }
        mkdir -p "$target/$name"
        cp "$directory"/{vmlinuz,initrd.cpio} "$target/$name/"
    done
}

# share_on_host CONSOLE SWVMM GUEST VIRTIOFSD...: a directory by virtiofsd, whose doorbells and interrupts KVM passes on: over both transports, with an interrupt
# that moves to another CPU meanwhile. The files VIRTIOFSD have the program, or what starts it, as `virtiofsd`. $work is a directory for files.
#
# The program wants a root that is a mount of its own.
share_on_host() {
    local console=$1 swvmm=$2 guest=$3
    shift 3
    mkdir -p "$work/shared"
    head -c 400000 /dev/urandom > "$work/shared/file"
    cat > "$work/share.sh" << 'END'
mkdir /n && mount -t tmpfs n /n && cp -a /bin /work /n/ || exit 1
for d in /lib /lib64 /usr; do [ ! -e $d ] || cp -a $d /n/; done
mkdir -p /n/proc /n/sys /n/dev /n/tmp /n/run /n/var/run
mount --bind /dev /n/dev; mount -t proc p /n/proc; mount -t sysfs s /n/sys
exec chroot /n /bin/sh -c "cd /work && sh shares.sh $1"
END
    cat > "$work/shares.sh" << 'END'
sum=$(md5sum < shared/file | cut -d' ' -f1)
console=$1
boot() {
    {
        echo; echo
        echo 'mkdir -p /mnt; mount -t virtiofs data /mnt; dd if=/mnt/file of=/dev/null bs=4k iflag=direct 2> /dev/null &'
        echo 'for i in 1 2; do echo 0 > /sys/devices/system/cpu/cpu1/online; echo 1 > /sys/devices/system/cpu/cpu1/online; done; wait; md5sum /mnt/file; poweroff -f'
    } | ./swvmm boot vmlinuz --initrd initrd.cpio --accel kvm --cpus 2 --memory 256M --cmdline "console=$console quiet" --timeout 100 \
        --share data=/work/shared,virtiofsd=/work/virtiofsd --transport $1 --stats table > output 2>&1
    grep -q "$sum" output && grep -q "$2" output
}
for expected in 'pci interrupts bound' 'mmio doorbells bound'; do
    transport=${expected%% *}
    tries=0
    until boot $transport "${expected#* }"; do
        cat output
        echo "share over $transport: failed"
        tries=$((tries + 1))
        [ $tries -lt 3 ] || exit 1
    done
    grep 'virtio share' output
done
END
    on_host "sh share.sh $console" "$swvmm" "$work"/{share.sh,shares.sh,shared} "$guest"/{vmlinuz,initrd.cpio} "$@"
}
