"""Monitors timed inside an emulated host (scripts/x86-host, scripts/arm64-host), for the benchmarks there.

The host's busybox runs them one after the other in one boot of it, and tells of each run when it started, when its guest printed the mark and when it ended, by
the host's uptime, which counts the emulated machine's time in steps of 10 ms.

The emulation translates code anew for each address it is at, and is several times slower where memory that had code is written again. Programs are therefore at the
same addresses each time there, and before each run the memory that is free is overwritten: without, a boot takes up to three times as long as the first one,
and how long depends on which monitor ran before.
"""
import dataclasses
import datetime
import os
import re
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "scripts/guests"))
import monitor  # noqa: E402

# run NAME MARK LAST COMMAND...: the mark is MARK and the letter LAST after it. At the mark `poweroff` is typed, for guests that have not their order yet.
# A line for each run: @ NAME START MARK END STATUS; KiB resident at the mark beside the mapping that is the guest's memory, when look was said instead of run;
# the time of day of the start, as a file's, and as swvmm prints it that of the first KVM_RUN.
SCRIPT = r"""
echo 0 > /proc/sys/kernel/randomize_va_space
scrub() { dd if=/dev/zero of=/tmp/scrub bs=1M count=SCRUB 2> /dev/null; rm /tmp/scrub; }
look() { watched=1; run "$@"; watched=; }
run() {
    scrub; name=$1 text=$2 last=$3; shift 3; rm -f pipe input; mkfifo pipe input; exec 3<> input; : > messages
    : > stamp; read start _ < /proc/uptime
    "$@" > pipe 2> messages < input 3>&- & process=$!
    # A guest that does not come to its end.
    { sleep PATIENCE; kill -9 $process; } > /dev/null 2>&1 3>&- & killer=$!
    { mark= resident=; while read -r -d "$last" line; do case $line in *"$text") read mark _ < /proc/uptime; break ;; esac; done
    [ -z "$watched" ] || resident=$(awk '/^Size:/ { size = $2 } /^Rss:/ && size < GUEST { sum += $2 } END { print sum }' /proc/$process/smaps)
    echo poweroff >&3; cat > /dev/null; } < pipe
    wait $process; status=$?; read end _ < /proc/uptime; kill $killer; exec 3>&-
    echo "@ $name $start ${mark:-none} $end $status ${resident:-none} $(stat -c %y stamp) $(sed -n 's/.*entering the guest at \([0-9.]*\).*/\1/p' messages | head -1)"
}
"""
PATIENCE = 60


@dataclasses.dataclass
class Run:
    """Seconds from the process's start; KiB."""
    mark: float | None
    end: float | None  # None: it failed
    entry: float | None  # the first KVM_RUN
    resident: int | None


def parsed(line: str) -> tuple[str, Run] | None:
    match = re.match(r"@ (\S+) ([\d.]+) (none|[\d.]+) ([\d.]+) (\d+) (none|\d+) (\S+ [\d:]+)(\.\d+) \+0000 ?([\d.]*)$", line)
    if not match:
        return None
    name, start, mark, end, status, resident, day, fraction, entry = match.groups()
    started = datetime.datetime.fromisoformat(day + "+00:00").timestamp() + float(fraction)
    return name, Run(None if mark == "none" else float(mark) - float(start), float(end) - float(start) if status == "0" else None,
                     float(entry) - started if entry else None, None if resident == "none" else int(resident))


def order(name: str, mark: str, command: str, watched: bool = False) -> str:
    """The script's line for one run; `watched`: also what is resident at the mark."""
    return f"{'look' if watched else 'run'} {name} '{mark[:-1]}' '{mark[-1]}' {command}"


def measure(host: list[str], orders: list[str], memory_mib: int, files: list[str]) -> tuple[dict[str, list[Run]], list[str], bool]:
    """Boots the host by the command `host` and runs the script's lines there. Gives the runs by name, the other lines of its output, and whether all went well."""
    with tempfile.TemporaryDirectory() as work:
        with open(f"{work}/bench.sh", "w") as file:
            file.write(SCRIPT.replace("GUEST", str(memory_mib << 10)).replace("PATIENCE", str(PATIENCE)).replace("SCRUB", str(2 * memory_mib)) + "\n".join(orders) + "\n")
        done = subprocess.run([*host, "sh bench.sh", *files, f"{work}/bench.sh"], stdout=subprocess.PIPE, text=True, errors="replace")
    found: dict[str, list[Run]] = {}
    rest = []
    for line in done.stdout.splitlines():
        if run := parsed(line):
            found.setdefault(run[0], []).append(run[1])
        else:
            rest.append(line)
    return found, rest, done.returncode == 0


def stripped(strip: str, program: str, directory: str) -> str:
    target = os.path.join(directory, os.path.basename(program))
    subprocess.run([strip, "-o", target, program], check=True)
    os.chmod(target, 0o755)
    return target


def guest_directory(name: str, guest: dict[str, str], directory: str) -> str:
    """The guest's kernel and initramfs as NAME/vmlinuz and NAME/initrd.cpio, to be copied to the host."""
    target = os.path.join(directory, name)
    os.mkdir(target)
    for link, part in [("vmlinuz", "kernel"), ("initrd.cpio", "initrd")]:
        os.symlink(guest[part], f"{target}/{link}")
    return target


def chosen_guests(architecture: str, wanted: set[str]) -> dict[str, dict[str, str]]:
    guests = monitor.guests(None, architecture)
    for name in sorted(wanted - set(guests)):
        print(f"{name}: left out, neither scripts/fetch-test-guests nor scripts/build-tiny-linux has made it")
    return {name: guests[name] for name in sorted(wanted & set(guests))}


def median_of(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def ratio_of(ours: list[float], theirs: list[float]) -> float:
    """The median of the pairs' ratios."""
    return statistics.median(a / b for a, b in zip(ours, theirs))


def load() -> str:
    return f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"


def print_exits(lines: list[str]):
    """exit-benchmark's figures."""
    for line in lines:
        if re.match(r"(port|MMIO) exit|ratio", line):
            print(line + ("   (at most 1.05)" if line.startswith("ratio") else ""))
