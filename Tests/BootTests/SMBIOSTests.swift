internal import Testing
internal import VMMTestSupport

/// `--smbios` and `swvmm inspect --dump-smbios`, with dmidecode as the judge.
@Suite struct SMBIOSTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test(
        "dmidecode reads what was told, without a complaint",
        .enabled(if: HostTool.isThere(HostTool.smbiosDecoder), "there is no dmidecode"))
    func decoder() throws {
        let path = "\(directory.path)/smbios.bin"
        let ended = try Swvmm.run([
            "inspect", "--arch", "x86_64", "--dump-smbios", path, "--cpus", "8,sockets=2,threads=2", "-m", "384M",
            "--smbios", "product=a,,b,serial=S-1,uuid=00112233-4455-6677-8899-aabbccddeeff", "--smbios",
            "oem=io.systemd.credential:x=y,oem=second",
        ])
        #expect(ended.ending == .exited(0), "\(ended.errors)")
        let (code, text) = try HostTool.run([HostTool.smbiosDecoder, "--from-dump", path], in: directory)
        #expect(code == .exited(0))
        for line in [
            "SMBIOS 3.4.0 present", "Manufacturer: swvmm", "Product Name: a,b", "Serial Number: S-1",
            "UUID: 00112233-4455-6677-8899-aabbccddeeff", "Socket Designation: CPU 1", "Core Count: 2",
            "Thread Count: 4",
            "Size: 384 MB", "Range Size: 384 MB", "String 1: io.systemd.credential:x=y", "String 2: second",
            "System is a virtual machine", "End Of Table",
        ] { #expect(text.contains(line), "no '\(line)' in \(text)") }
        for complaint in ["Invalid", "Wrong", "broken", "TRUNCATED", "OUT OF SPEC"] {
            #expect(!text.contains(complaint), "\(text)")
        }
    }

    @Test("what is no identity, and machines that have no SMBIOS")
    func refusals() throws {
        for (value, words) in [
            ("colour=blue", "'colour' is none of"), ("serial=a,serial=b", "'serial' is there twice"),
            ("uuid=1-2", "a UUID is wanted"), ("product=", "1 to 255 bytes"), ("oem", "1 to 255 bytes"),
        ] {
            let ended = try Swvmm.run(["inspect", "--smbios", value])
            #expect(ended.ending == .exited(2))
            #expect(ended.errors.contains(words), "\(ended.errors)")
        }
        let foreign = try Swvmm.run(["inspect", "--arch", "arm64", "--smbios", "serial=1"])
        #expect(foreign.ending == .exited(1))
        #expect(foreign.errors.contains("arm64 machines have no SMBIOS tables"))
    }
}
