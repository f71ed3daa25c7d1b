internal import Glibc
internal import Testing

/// What a boot offers besides the console: the timeline and the bvmdebug port.
@Suite(.needsKVM) struct SideChannelTests {
    @Test("--timeline writes one page without external references, with phases, console lines and exits")
    func timeline() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/boot.html"
        let ended = try Swvmm.run(
            "boot", "--timeline", path, "-e", "markup=<b>", "--timeout", "60", input: .text("env\npoweroff\n"))
        #expect(ended.ending == .exited(0))
        #expect(directory.names == ["boot.html"])
        let page = try HostText.read(path)
        #expect(page.hasPrefix("<!DOCTYPE html>") && page.hasSuffix("</html>\n"))
        for outside in ["http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link"] {
            let refers = page.contains(outside)
            #expect(!refers, "refers to the outside: \(outside)")
        }
        for part in [
            "read the image", "open the accelerator", "first instruction", "unikernel x86_64", "markup=&lt;b&gt;",
            "port write:",
        ] {
            let holds = page.contains(part)
            #expect(holds, "no '\(part)'")
        }
    }

    @Test("--timeline is written for a guest that crashes or runs out of time too", arguments: ["panic\n", ""])
    func timelineOfFailure(input: String) throws {
        let directory = try TemporaryDirectory()
        let path = try directory.file("boot.html", Array("earlier".utf8))
        let ended = try Swvmm.run("boot", "--timeline", path, "--timeout", "2", input: .text(input))
        #expect(ended.ending == .exited(input.isEmpty ? 124 : 3))
        #expect(ended.errors.contains("rip="))
        #expect(directory.names == ["boot.html"])
        let page = try HostText.read(path)
        let tells = page.contains(input.isEmpty ? "the timeout ran out" : "the guest panicked")
        #expect(tells, "the page does not tell how it ended")
    }

    @Test(
        "a timeline that can no longer be written takes nothing of the guest's end away",
        arguments: [("panic\n", 3), ("poweroff\n", 1)])
    func timelineLost(command: String, code: Int32) throws {
        let directory = try TemporaryDirectory()
        let run = try Swvmm(["boot", "--timeline", "\(directory.path)/boot.html", "--timeout", "60"], input: .pipe)
        try run.expect("unikernel> ")
        #expect(unsafe rmdir(directory.path) == 0)
        try run.send(command)
        let ended = try run.finish()
        #expect(ended.ending == .exited(code))
        #expect(ended.errors.contains("rip=") == (code == 3))
        #expect(ended.errors.contains("swvmm: error: --timeline: \(directory.path)/boot.html: cannot be written"))
    }

    /// Answers each character from the debug port with the next one; ends on 'q'. Says hello first.
    private static let echo = X86Code { code in
        code.print("up\n")
        code.forever { code in
            code.inDoubleword(0x224)
            code.put(0x83, 0xF8, 0xFF)  // cmp eax, -1
            code.put(0x74, 0xF3)  // je to the read
            code.put(0x3C, UInt8(ascii: "q"))  // cmp al, 'q'
            code.put(0x75, 0x09)  // jne over the exit
            code.put(0xB0, 0x15)  // mov al, 21
            code.put(0xBA, 0xF4, 0x00, 0x00, 0x00)  // mov edx, 0xf4
            code.put(0xEE, 0x90)  // out; nop
            code.put(0xFF, 0xC0)  // inc eax
            code.setPort(0x224)
            code.put(0xEF)
        }
    }

    @Test("--bvmdebug: a guest talks over TCP, one client after the other")
    func debugPort() throws {
        let directory = try TemporaryDirectory()
        let port = try Loopback.freePort()
        let run = try Swvmm(
            ["boot", try Self.echo.write(to: directory), "--bvmdebug", "\(port)", "--timeout", "60"])
        try run.expect("up")
        for _ in 0..<2 {
            let client = try Loopback.connect(to: port)
            defer { close(client) }
            try HostText.write(Array("HAL".utf8), to: client)
            var answer: [UInt8] = []
            while answer.count < 3, let piece = HostText.readPiece(client) { answer += piece }
            #expect(String(decoding: answer, as: UTF8.self) == "IBM")
        }
        let client = try Loopback.connect(to: port)
        defer { close(client) }
        try HostText.write([UInt8(ascii: "q")], to: client)
        #expect(try run.finish().ending == .exited(43))
    }

    @Test("a client that does not read makes the guest wait, and not the timeout")
    func debugPortFlood() throws {
        let directory = try TemporaryDirectory()
        let port = try Loopback.freePort()
        let image = try X86Code { code in
            code.print("up")
            code.forever { $0.out(0x224, 0x61, bits: 32) }
        }.write(to: directory)
        let run = try Swvmm(["boot", image, "--bvmdebug", "\(port)", "--timeout", "2"])
        try run.expect("up")
        let client = try Loopback.connect(to: port)
        defer { close(client) }
        let resident = try #require(run.process.residentKiB)
        #expect(resident < 100 << 10)
        #expect(try run.finish().ending == .exited(124))
    }

    @Test("without --bvmdebug the port is empty; with it and no client a guest that writes goes on")
    func debugPortWithoutClient() throws {
        let directory = try TemporaryDirectory()
        // Writes a lot, then exits by the low bits of the signature: 0x56 or ones.
        let image = try X86Code { code in
            code.put(0xB9, 0xE8, 0x03, 0x00, 0x00)  // mov ecx, 1000
            code.setPort(0x224)
            code.put(0xEF)  // out dx, eax
            code.put(0xFF, 0xC9)  // dec ecx
            code.put(0x75, 0xFB)  // jnz to the out
            code.put(0x66, 0xED)  // in ax, dx
            code.setPort(0xF4)
            code.put(0xEE)
            code.spin()
        }.write(to: directory)
        let without = try Swvmm.run("boot", image, "--timeout", "60")
        #expect(without.ending == .exited(255))
        let with = try Swvmm.run("boot", image, "--bvmdebug", "\(try Loopback.freePort())", "--timeout", "60")
        #expect(with.ending == .exited(0x56 << 1 & 0xFF | 1))
    }
}
