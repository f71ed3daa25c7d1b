"""An initramfs image (cpio "newc") without root and without differences between two builds: no times, no owners, one order.

Source: Linux Documentation/driver-api/early-userspace/buffer-format.rst, "newc" headers: thirteen fields of eight hexadecimal digits, name and
contents padded to four bytes, "TRAILER!!!" at the end.
"""
import lzma
import stat
import struct

# The names that busybox is called by through a path. Its shell finds all the others by itself.
APPLETS = ["cat", "chmod", "cp", "cttyhack", "date", "dd", "dmesg", "echo", "env", "grep", "halt", "head", "insmod", "ip", "kill", "ln", "ls", "lsmod",
           "mkdir", "mknod", "mount", "poweroff", "ps", "reboot", "rm", "setsid", "sh", "sleep", "stty", "tail", "time", "umount", "uname", "uptime", "usleep",
           "vi", "wc"]


class Archive:
    """A newc archive in memory. Entries come out in the order in which they were added; inode numbers count them."""

    def __init__(self):
        self.bytes = bytearray()
        self.count = 0

    def directory(self, name: str, permissions: int = 0o755):
        self._entry(name, stat.S_IFDIR | permissions)

    def file(self, name: str, contents: bytes, permissions: int = 0o644):
        self._entry(name, stat.S_IFREG | permissions, contents)

    def link(self, name: str, target: str):
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, name: str, major: int, minor: int):
        self._entry(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def finish(self) -> bytes:
        self._entry("TRAILER!!!", 0)
        self._pad(512)
        return bytes(self.bytes)

    def _entry(self, name: str, mode: int, contents: bytes = b"", device=(0, 0)):
        self.count += 1
        encoded = name.encode() + b"\0"
        # inode, mode, uid, gid, links, mtime, size, the device it is on (major, minor), the device it is (major, minor), name's size, checksum
        fields = [self.count, mode, 0, 0, 1, 0, len(contents), 0, 0, *device, len(encoded), 0]
        self.bytes += b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        self._pad(4)
        self.bytes += contents
        self._pad(4)

    def _pad(self, unit: int):
        self.bytes += bytes(-len(self.bytes) % unit)


def image(init: bytes, busybox: bytes, modules: list[tuple[str, bytes]]) -> bytes:
    """The whole image. `modules` are names and contents in the order in which init is to load them."""
    archive = Archive()
    for name in ["bin", "dev", "lib", "lib/modules", "proc", "root", "sys"]:
        archive.directory(name)
    archive.directory("tmp", 0o1777)
    archive.character_device("dev/console", 5, 1)  # so that init has its standard streams before it mounts anything
    archive.character_device("dev/null", 1, 3)
    archive.file("bin/busybox", busybox, 0o755)
    for applet in APPLETS:
        archive.link(f"bin/{applet}", "busybox")
    for number, (name, contents) in enumerate(modules):
        archive.file(f"lib/modules/{number:02}-{name}.ko", contents)
    archive.file("init", init, 0o755)
    return archive.finish()


def unpacked_module(contents: bytes) -> bytes:
    """A module as the kernel loads it: what Debian compresses is unpacked here rather than in the guest."""
    return lzma.decompress(contents) if contents.startswith(b"\xfd7zXZ\0") else contents


def module_name(path: str) -> str:
    """The module's name in the kernel: file names use '-' and '_' alike."""
    return path.rsplit("/", 1)[-1].split(".ko", 1)[0].replace("-", "_")


def dependencies(module: bytes) -> list[str]:
    """The modules that this one needs, from the "depends=" string of its .modinfo section: what depmod makes modules.dep of."""
    sections_at, = struct.unpack_from("<Q", module, 0x28)
    entry_size, count, names_index = struct.unpack_from("<HHH", module, 0x3A)

    def section(index: int) -> tuple[int, int, int]:
        base = sections_at + index * entry_size
        name, = struct.unpack_from("<I", module, base)
        offset, size = struct.unpack_from("<QQ", module, base + 0x18)
        return name, offset, size

    _, names_at, _ = section(names_index)
    for index in range(count):
        name, offset, size = section(index)
        if module[names_at + name:].startswith(b".modinfo\0"):
            for text in module[offset:offset + size].split(b"\0"):
                if text.startswith(b"depends="):
                    return [module_name(word) for word in text[8:].decode().split(",") if word]
    return []


def load_order(wanted: list[str], modules: dict[str, bytes]) -> list[str]:
    """`wanted` with all that it needs, each after its dependencies. What `modules` does not have is built into the kernel, or does not exist."""
    order: list[str] = []

    def add(name: str):
        if name in modules and name not in order:
            for needed in dependencies(modules[name]):
                add(needed)
            order.append(name)

    for name in wanted:
        add(name)
    return order
