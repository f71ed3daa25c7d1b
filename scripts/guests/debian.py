"""Debian's packages for the scripts that make test guests: found, fetched and verified by apt, with a state of its own."""
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEFAULT_MIRROR = "http://deb.debian.org/debian"


class Failed(Exception):
    """Something that the user can do something about; the text says what happened."""


def default_cache() -> str:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.environ.get("SWVMM_GUESTS") or os.path.join(base, "swvmm/guests")


def check_tools():
    for tool in ["apt-get", "apt-cache", "dpkg-deb"]:
        if not shutil.which(tool):
            raise Failed(f"no {tool} here: the guests are Debian packages, and Debian's tools get them")
    if not os.path.exists(KEYRING):
        raise Failed(f"no {KEYRING} to verify Debian's archive with: install debian-archive-keyring")


def run(command: list[str], what: str, standard_input=None) -> str:
    result = subprocess.run(command, stdin=standard_input, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if result.returncode != 0:
        raise Failed(f"{what} failed:\n" + "\n".join("  " + line for line in result.stderr.strip().splitlines()[-8:]))
    return result.stdout


def mirror() -> str:
    """The Debian mirror of this machine's apt: that of the first source for Debian's main archive."""
    targets = run(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT) $(ORIGIN)", "Created-By: Packages"], "apt-get indextargets")
    for line in targets.splitlines():
        site, release, component, *origin = line.split()
        is_debian = origin == ["Debian"] or not origin and site.endswith("/debian")
        if is_debian and component == "main" and site.startswith(("http:", "https:")) and "-" not in release:
            return site
    return DEFAULT_MIRROR


class Archive:
    """One suite for one architecture, seen through an apt with a state of its own in `directory`."""

    def __init__(self, suite: str, architecture: str, site: str, directory: str):
        self.name = f"{suite} for {architecture}"
        self.directory = directory
        self.configuration = os.path.join(directory, "apt.conf")
        for path in ["lists/partial", "archives/partial"]:
            os.makedirs(os.path.join(directory, path))
        self._write("status", "")
        self._write("sources.list", f"deb [arch={architecture} signed-by={KEYRING}] {site} {suite} main\n")
        # On top of the system's configuration, for its proxies; #clear takes away what other programs have hooked in.
        self._write("apt.conf", f"""
#clear APT::Update;
#clear APT::Architectures;
#clear Acquire::IndexTargets;
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
Acquire::Retries "3";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Acquire::IndexTargets::deb::Packages {{
    MetaKey "$(COMPONENT)/binary-$(ARCHITECTURE)/Packages";
    flatMetaKey "Packages";
    ShortDescription "Packages";
    Description "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Packages";
    flatDescription "$(RELEASE) Packages";
    Optional "no";
}};
Dir::State::lists "{directory}/lists";
Dir::State::status "{directory}/status";
Dir::Cache "{directory}";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Etc::sourcelist "{directory}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
""")
        progress(f"{self.name}: package index of {site}")
        run(["apt-get", "-q", "-c", self.configuration, "update"], f"reading the package index of {suite} at {site}")

    def _write(self, name: str, text: str):
        with open(os.path.join(self.directory, name), "w") as file:
            file.write(text)

    def field(self, package: str, field: str) -> str:
        shown = run(["apt-cache", "-c", self.configuration, "--no-all-versions", "show", package], f"looking for {package} in {self.name}")
        found = re.search(rf"^{field}: (.*)$", shown, re.MULTILINE)
        if not found:
            raise Failed(f"{package} of {self.name} has no {field}")
        return found.group(1)

    def download(self, package: str) -> str:
        """Gets the package, verified by apt, and gives its file's path."""
        size = int(self.field(package, "Size")) / 1e6
        progress(f"{self.name}: {package} {self.field(package, 'Version')}, {size:.1f} MB")
        target = tempfile.mkdtemp(dir=self.directory)
        result = subprocess.run(["apt-get", "-q", "-c", self.configuration, "download", package], cwd=target,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        files = os.listdir(target)
        if result.returncode != 0 or len(files) != 1:
            raise Failed(f"getting {package} of {self.name} failed:\n  {result.stderr.strip()}\n"
                         "When the package is gone from the mirror, a new release was made just now: try again.")
        return os.path.join(target, files[0])

    def check_pinned(self, package: str, version: str, change: str):
        """Fails when the archive has not this version; `change` says what to do then."""
        try:
            offered = self.field(package, "Version")
        except Failed:
            raise Failed(f"{package} is gone from Debian {self.name}: {change}") from None
        if offered != version:
            raise Failed(f"{package} {version} is gone from Debian {self.name}, which has {offered}: {change}")

    def download_all(self, packages: list[str]) -> list[str]:
        """Gets packages with all that they depend on, verified by apt, and gives their files' paths."""
        progress(f"{self.name}: {' '.join(packages)}, with what they need")
        run(["apt-get", "-q", "-y", "-c", self.configuration, "--no-install-recommends", "--download-only", "install", *packages],
            f"getting {' '.join(packages)} of {self.name}")
        archives = os.path.join(self.directory, "archives")
        return sorted(os.path.join(archives, name) for name in os.listdir(archives) if name.endswith(".deb"))


def check_sum(path: str, package: str, checksum: str):
    """Fails when the package's file is not the one whose SHA-256 was pinned."""
    with open(path, "rb") as file:
        found = hashlib.sha256(file.read()).hexdigest()
    if found != checksum:
        raise Failed(f"{package} has the SHA-256 {found}, not {checksum}: it is not what was pinned")


def progress(text: str):
    print(f"{os.path.basename(sys.argv[0])}: {text}", file=sys.stderr, flush=True)


def contents_of(package_file: str, pattern: str) -> dict[str, bytes]:
    """The package's files whose names match, without writing the others to disk. Names begin with "./"."""
    unpacker = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package_file], stdout=subprocess.PIPE)
    found = {}
    with tarfile.open(fileobj=unpacker.stdout, mode="r|") as archive:
        for member in archive:
            if member.isfile() and re.fullmatch(pattern, member.name):
                found[member.name] = archive.extractfile(member).read()
        while unpacker.stdout.read(1 << 16):  # tar's padding, so that dpkg-deb does not die of a closed pipe
            pass
    if unpacker.wait() != 0:
        raise Failed(f"dpkg-deb cannot unpack {os.path.basename(package_file)}")
    return found
