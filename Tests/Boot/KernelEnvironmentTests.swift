import Boot
import Testing

@Suite("The kernel environment") struct KernelEnvironmentTests {
    private func environment(_ assignments: String...) throws -> KernelEnvironment {
        var environment = KernelEnvironment()
        for assignment in assignments { try environment.set(assignment) }
        return environment
    }

    private func error(_ assignment: String) -> KernelEnvironmentError? {
        var environment = KernelEnvironment()
        do throws(KernelEnvironmentError) {
            try environment.set(assignment)
            return nil
        } catch { return error }
    }

    @Test("encoded as name=value strings, each ended by NUL, the list by an empty one")
    func encoding() throws {
        #expect(try environment("a=1", "b.c=x=y").encoded == Array("a=1\0b.c=x=y\0\0".utf8))
        #expect(KernelEnvironment().encoded == [0])
    }

    @Test("a later setting of a name wins, in the place of the first")
    func replacing() throws {
        #expect(try environment("a=1", "b=2", "a=3").encoded == Array("a=3\0b=2\0\0".utf8))
    }

    @Test("bhyveload's presets, which a user's setting overrides")
    func presets() throws {
        #expect(KernelEnvironment.bhyvePresets.encoded == Array("smbios.bios.vendor=BHYVE\0boot_serial=1\0\0".utf8))
        var configuration = BootConfiguration(memorySize: 1 << 24)
        configuration.environment = try environment("boot_serial=no", "hw.ncpu=9")
        configuration.counterFrequency = 1_000_000
        let full = try configuration.fullEnvironment()
        #expect(full["boot_serial"] == "no")
        #expect(full["hw.ncpu"] == "9")
        #expect(full["console"] == "bvm")
        #expect(full["machdep.counter_freq"] == "1000000")
        #expect(full.howTo == 0)
        #expect(KernelEnvironment.bhyvePresets.howTo == 0x1000)
    }

    @Test("names: not empty, no equals sign, space, control character or NUL, at most 127 bytes")
    func names() {
        #expect(error("novalue") == .noEqualsSign("novalue"))
        #expect(error("=1") == .emptyName)
        #expect(error("a b=1") == .badNameCharacter(name: "a b", byte: 0x20))
        #expect(error("a\u{0}=1") == .badNameCharacter(name: "a\u{0}", byte: 0))
        #expect(error("a\u{7F}=1") == .badNameCharacter(name: "a\u{7F}", byte: 0x7F))
        #expect(error(String(repeating: "n", count: 127) + "=") == nil)
        #expect(error(String(repeating: "n", count: 128) + "=") == .nameTooLong(length: 128, limit: 127))
        var environment = KernelEnvironment()
        #expect(throws: KernelEnvironmentError.badNameCharacter(name: "a=b", byte: 0x3D)) {
            try environment.set("a=b", to: "1")
        }
    }

    @Test("values: no NUL, at most 4095 bytes, 64 KiB in all; a refused setting changes nothing")
    func values() throws {
        #expect(error("a=\u{0}") == .nulInValue(name: "a"))
        #expect(error("a=" + String(repeating: "v", count: 4095)) == nil)
        #expect(
            error("a=" + String(repeating: "v", count: 4096))
                == .valueTooLong(name: "a", length: 4096, limit: 4095))
        var environment = KernelEnvironment()
        let long = String(repeating: "v", count: 4095 - 3)
        for index in 0..<15 { try environment.set("n\(index)", to: long) }
        let before = environment
        #expect(throws: KernelEnvironmentError.self) {
            for index in 15..<17 { try environment.set("n\(index)", to: long) }
        }
        #expect(environment.settings.count == before.settings.count + 1 || environment == before)
        #expect(environment.encoded.count <= KernelEnvironment.maximumSize)
    }

    @Test("decoding gives back what was encoded, and refuses a block without an end")
    func decoding() throws {
        let environment = try environment("a=1", "b=", "c==")
        #expect(try KernelEnvironment.decode(environment.encoded + [7, 7]) == environment)
        #expect(throws: KernelEnvironmentError.unterminated) { try KernelEnvironment.decode(Array("a=1\0".utf8)) }
        #expect(throws: KernelEnvironmentError.noEqualsSign("a")) { try KernelEnvironment.decode(Array("a\0\0".utf8)) }
    }
}
