"""A virtual machine monitor as a child process, with the guest's console on pipes: for the scripts that boot test guests."""
import os
import re
import select
import signal
import subprocess
import tempfile
import time

MARK = b"SHELL-READY"


class Failed(Exception):
    """The guest did not do what was expected; the text says what, with the end of the console."""


def guests(cache: str | None = None, *names: str) -> dict[str, dict[str, str]]:
    """The guests that scripts/fetch-test-guests has got: name to `kernel`, `initrd` and `version`."""
    script = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fetch-test-guests")
    command = [script, "--list", *names] + (["--cache", cache] if cache else [])
    found: dict[str, dict[str, str]] = {}
    for line in subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.splitlines():
        key, value = line.split("=", 1)
        name, part = key.rsplit(".", 1)
        found.setdefault(name, {})[part] = value
    return found


class Monitor:
    """One run of a monitor, in a process group of its own, which ends with the `with` block."""

    def __init__(self, command: list[str], patience: float):
        self.command = command
        self.patience = patience
        self.errors = tempfile.TemporaryFile()
        self.seen = b""
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        self.errors.close()

    def send(self, line: str):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def expect(self, pattern: bytes, since: int = 0) -> re.Match:
        """Waits until the console shows `pattern` after position `since`."""
        end = self.started + self.patience
        while True:
            found = re.search(pattern, self.seen[since:])
            if found:
                return found
            if not self._read(end):
                raise Failed(f"no {pattern.decode()!r} from {' '.join(self.command)}\n{self.tail()}")

    def finish(self) -> int:
        """Reads on until the monitor ends, and gives its exit code."""
        end = self.started + self.patience
        while self._read(end):
            pass
        try:
            return self.process.wait(max(0.1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise Failed(f"{' '.join(self.command)} goes on after {self.patience:.0f} s\n{self.tail()}") from None

    def drain(self):
        """Takes what comes within a second."""
        end = time.monotonic() + 1
        while self._read(end) and time.monotonic() < end:
            pass

    def messages(self) -> str:
        """What the monitor wrote to its standard error."""
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def tail(self) -> str:
        console = self.seen[-1500:].decode(errors="replace").replace("\r", "")
        return "\n".join("    | " + line for line in (console + self.messages()[-1500:]).splitlines())

    def cpu_seconds(self) -> float:
        """CPU time of all its threads so far."""
        nanoseconds = 0
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{thread}/schedstat") as statistics:
                nanoseconds += int(statistics.read().split()[0])
        return nanoseconds / 1e9

    def _read(self, end: float) -> bool:
        """Takes what there is to read, waiting for it until `end`; false at the end of the output or of the time."""
        ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
        block = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
        self.seen += block
        return bool(block)


def shell_dialogue(command: list[str], cpus: int, patience: float, log: str | None = None) -> float:
    """Boots to the shell, looks at kernel and CPUs, powers off; gives the seconds to the mark. Throws when anything is not as it should be, with all that
    was printed in the file `log`."""
    with Monitor(command, patience) as guest:
        try:
            return _dialogue(guest, cpus)
        except (Failed, OSError):
            if log:
                guest.drain()
                os.makedirs(os.path.dirname(log), exist_ok=True)
                with open(log, "wb") as file:
                    file.write(guest.seen + guest.messages().encode())
            raise


def _dialogue(guest: Monitor, cpus: int) -> float:
    guest.expect(MARK)
    ready = time.monotonic() - guest.started
    # The answers differ from the echoes of their questions.
    for line, answer in [("uname -a", rb"\nLinux \S+ \d+\.\d+.*GNU/Linux"),
                         ("echo processors: $(grep -c ^processor /proc/cpuinfo)", rb"processors: %d\r?\n" % cpus),
                         ("cat /proc/interrupts > /dev/null && echo done-$((6*7))", rb"done-42")]:
        position = len(guest.seen)
        guest.send(line)
        guest.expect(answer, position)
    guest.send("poweroff -f")
    code = guest.finish()
    if code != 0:
        raise Failed(f"exit code {code} from {' '.join(guest.command)}\n{guest.tail()}")
    return ready
