import Boot
import Testing
import VMMTestSupport

@Suite struct LinuxCommandLineTests {
    @Test("parameters are parted by white space outside of quotes; what is behind -- is init's")
    func parameters() {
        let line = LinuxCommandLine(
            "root=/dev/vda  ro dyndbg=\"file a.c +p\"\tconsole=ttyS0,115200 console=hvc0 -- quiet")
        #expect(line.parameters.map(\.name) == ["root", "ro", "dyndbg", "console", "console"])
        #expect(line.values(of: "root") == ["/dev/vda"])
        #expect(line.values(of: "dyndbg") == ["file a.c +p"])
        #expect(line.values(of: "console") == ["ttyS0,115200", "hvc0"])
        #expect(line.contains("ro") && !line.contains("quiet"))
        #expect(line.values(of: "ro").isEmpty)
    }

    @Test("odd lines: nothing, no name, an equals sign in the value, a quote that is not closed")
    func oddities() {
        #expect(LinuxCommandLine("").parameters.isEmpty)
        #expect(LinuxCommandLine(" =x -- ").parameters.isEmpty)
        #expect(LinuxCommandLine("root=UUID=1-2").values(of: "root") == ["UUID=1-2"])
        #expect(LinuxCommandLine("a \"b c").parameters.map(\.name) == ["a", "b c"])
    }

    @Test("an early console by either of its names")
    func earlyConsole() {
        for text in ["earlycon", "quiet earlycon=pl011,0x9000000", "earlyprintk=serial"] {
            #expect(LinuxCommandLine(text).hasEarlyConsole)
        }
        #expect(!LinuxCommandLine("console=ttyS0 -- earlycon").hasEarlyConsole)
    }

    @Test("a kernel is Linux by its format, or by a note of Linux's in an ELF file")
    func images() {
        var elf = ELFImageBuilder(entry: 0x10_0000, segments: [.init(at: 0x10_0000, [0xF4])])
        #expect(!BootImage(elf.build()).isLinux(on: .x86_64))
        elf.notes = [("Linux", 0x100, [0, 0, 0, 0])]
        #expect(BootImage(elf.build()).isLinux(on: .x86_64))
        #expect(BootImage(BzImageBuilder().build()).isLinux(on: .x86_64))
        #expect(BootImage(ARM64Guests.image()).isLinux(on: .aarch64))
    }
}
