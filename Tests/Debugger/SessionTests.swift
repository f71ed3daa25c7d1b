import Debugger
import Synchronization
import Testing
import VMMCore

@Suite struct SessionTests {
    @Test("E.1: with acknowledgements a good packet gets +, a damaged one -, and - gets the last packet again")
    func acknowledgements() {
        var session = DebugSession(FakeTarget(), stoppedAt: VCPUIndex(0), .interrupted)
        session.receive(Packet.encoded("qAttached".utf8))
        #expect(session.takeOutput() == Array("+$1#31".utf8))
        session.receive(Array("$qAttached#00".utf8))
        #expect(session.takeOutput() == Array("-".utf8))
        session.receive(Array("-".utf8))
        #expect(session.takeOutput() == Array("$1#31".utf8))
        session.receive(Packet.encoded("QStartNoAckMode".utf8))
        #expect(session.takeOutput() == Array("+$OK#9a".utf8))
        session.receive(Packet.encoded("qAttached".utf8))
        #expect(session.takeOutput() == Array("$1#31".utf8))
    }

    @Test("qSupported tells the packet size and what there is")
    func supported() throws {
        let client = Client()
        let answer = try #require(client.ask("qSupported:multiprocess+;swbreak+;hwbreak+;xmlRegisters=i386"))
        let features = Set(answer.split(separator: ";").map { String($0) })
        #expect(
            features.isSuperset(of: ["PacketSize=4000", "QStartNoAckMode+", "vContSupported+", "qXfer:features:read+"]))
    }

    @Test("an unknown packet gets the empty answer, a known one that makes no sense an error")
    func unknown() {
        let client = Client()
        for payload in ["", "!", "vMustReplyEmpty", "qTStatus", "Z9,0,4", "qXfer:auxv:read::0,10", "QNonStop:1"] {
            #expect(client.ask(payload) == "", "\(payload)")
        }
        for payload in [
            "m", "m1", "m1,", "mxyz,4", "m11111111111111111,4", "M0,2:00", "M0,1:0", "Mx", "p", "pzz", "P1", "P1=abc",
            "P1=00", "pffff", "Gxx", "G00", "Hg9", "Hgx", "T9", "Z0,zz,4", "Z0,0", "vCont;x", "vCont", "vCont;c:9x",
            "qXfer:features:read:target.xml:0", "qXfer:features:read:other.xml:0,10", "qRcmd,abc", "cxyz", "Z2,0,0",
            "Z2,ffffffffffffffff,2", "Z0,1000,8",
        ] {
            #expect(client.ask(payload) == "E01", "\(payload)")
        }
    }

    // MARK: Registers

    @Test("g gives all registers little-endian in the order of the description; p and P one of them")
    func registers() throws {
        let client = Client()
        let all = try #require(client.ask("g"))
        let bits = client.target.layout.registers.reduce(0) { $0 + $1.bits }
        #expect(all.count == bits / 4)
        #expect(all.hasPrefix("0000000000000000" + "0100000000000000"))
        #expect(client.ask("P20=8877665544332211") == "OK")
        #expect(client.ask("p20") == "8877665544332211")
        #expect(client.target.registers(of: VCPUIndex(0))?[0x20] == 0x1122_3344_5566_7788)
        #expect(client.ask("G" + all) == "OK")
        #expect(client.ask("p20") == "2000000000000000")
    }

    @Test("what the vCPU cannot tell is sent as x")
    func unavailable() throws {
        let target = FakeTarget(layout: RegisterMaps.x86_64.layout)
        let number = try #require(target.layout.registers.firstIndex { $0.name == "st0" })
        target.state.withLock { $0.registers[0][number] = nil }
        let client = Client(target)
        #expect(client.ask("p" + String(number, radix: 16)) == String(repeating: "x", count: 20))
    }

    @Test("Hg selects whose registers are meant")
    func selection() {
        let client = Client()
        _ = client.target.setRegisters([0: 0xAA], of: VCPUIndex(1))
        #expect(client.ask("Hg2") == "OK")
        #expect(client.ask("p0") == "aa00000000000000")
        #expect(client.ask("qC") == "QC2")
        #expect(client.ask("Hgp1.1") == "OK")
        #expect(client.ask("p0") == "0000000000000000")
    }

    @Test("target.xml comes in the pieces that are asked for, and names both features that GDB wants")
    func description() throws {
        let client = Client()
        var document = ""
        while true {
            let answer = try #require(
                client.ask("qXfer:features:read:target.xml:\(String(document.utf8.count, radix: 16)),100"))
            document += answer.dropFirst()
            if answer.hasPrefix("l") { break }
            #expect(answer.utf8.count == 0x101)
        }
        #expect(document == client.target.layout.xml)
        for part in ["org.gnu.gdb.aarch64.core", "org.gnu.gdb.aarch64.fpu", "<architecture>aarch64<"] {
            #expect(document.contains(part))
        }
        #expect(client.ask("qXfer:features:read:target.xml:fffff,100") == "l")
    }

    @Test("the registers of an architecture go through its map and come back, each in its place")
    func maps() {
        let map = RegisterMaps.arm64
        var registers = ARM64Registers()
        for number in map.layout.registers.indices { map.set(number, to: UInt128(number) + 1, in: &registers) }
        #expect(registers.x[30] == 31)
        #expect(registers.pc == 33)
        #expect(registers.v[0] == 35)
        let x86 = RegisterMaps.x86_64
        var pc = X86Registers()
        for number in x86.layout.registers.indices { x86.set(number, to: UInt128(number) + 1, in: &pc) }
        #expect(pc.rax == 1 && pc.rsi == 5 && pc.rip == 17)
        #expect(x86.layout.registers[x86.layout.programCounter].name == "rip")
        for (number, value) in x86.values(of: pc).enumerated() { #expect(value == nil || value == UInt128(number) + 1) }
    }

    // MARK: Memory

    @Test("m reads, M and X write; reads end where memory ends, and fail where there is none")
    func memory() {
        let client = Client()
        let start = String(FakeTarget.memoryStart, radix: 16)
        #expect(client.ask("m\(start),4") == "00010203")
        #expect(client.ask("M\(start),2:abcd") == "OK")
        let written = client.ask(
            bytes: Array("X\(String(FakeTarget.memoryStart + 2, radix: 16)),2:".utf8) + [0x23, 0x7D])
        #expect(written == "OK")
        #expect(client.ask("m\(start),5") == "abcd237d04")
        #expect(client.ask("m\(String(FakeTarget.memoryStart + 4094, radix: 16)),10") == "feff")
        #expect(client.ask("m0,4") == "E0e")
        #expect(client.ask("M0,1:00") == "E0e")
        #expect(client.ask("X\(start),0:") == "OK")
        #expect(client.ask("m\(start),7fffffffffffffff")?.utf8.count == 8192)
    }

    // MARK: Stops

    @Test("Z and z set and clear stop points; those of a target that has no more are refused with E1c")
    func stopPoints() {
        let client = Client(FakeTarget(stopPointLimit: 2))
        #expect(client.ask("Z0,ffff800010000000,4") == "OK")
        #expect(client.ask("Z1,1000,4") == "OK")
        #expect(client.ask("Z1,1000,4") == "OK")
        #expect(client.ask("Z2,2000,8") == "E1c")
        #expect(client.ask("z1,1000,4") == "OK")
        #expect(client.ask("Z2,2000,8") == "OK")
        #expect(
            client.target.stopPoints == [
                StopPoint(.softwareBreakpoint, at: 0xFFFF_8000_1000_0000, size: 4),
                StopPoint(.write, at: 0x2000, size: 8),
            ])
    }

    @Test("? tells why the guest stands still; a breakpoint is named to a debugger that knows the name")
    func stopReasons() {
        let client = Client(stoppedAt: 1, .breakpoint(GuestVirtualAddress(0x1000)))
        #expect(client.ask("?") == "T05thread:2;")
        _ = client.ask("qSupported:swbreak+;hwbreak+")
        #expect(client.ask("?") == "T05hwbreak:;thread:2;")
        _ = client.ask("Z0,1000,4")
        #expect(client.ask("?") == "T05swbreak:;thread:2;")
        let other = Client(stoppedAt: 0, .watchpoint(GuestVirtualAddress(0x2004)))
        _ = other.ask("Z4,2000,8")
        #expect(other.ask("?") == "T05awatch:2004;thread:1;")
    }

    @Test("c lets all go on, s steps one and lets the others go on; a stop is told once")
    func resuming() {
        let client = Client()
        #expect(client.ask("c") == nil)
        client.session.notice(.stopped(VCPUIndex(1), .step))
        #expect(client.answer() == "T05thread:2;")
        client.session.notice(.stopped(VCPUIndex(0), .step))
        #expect(client.answer() == nil)
        #expect(client.ask("s") == nil)
        client.session.notice(.stopped(VCPUIndex(0), .interrupted))
        #expect(client.answer() == "T02thread:1;")
        #expect(client.ask("c1000") == nil)
        #expect(client.target.controls == [.resume([.run, .run]), .resume([.run, .step]), .resume([.run, .run])])
        #expect(client.target.registers(of: VCPUIndex(0))?[client.target.layout.programCounter] == 0x1000)
    }

    @Test("vCont: the first action that names a thread is its action; threads without one stay")
    func vCont() {
        let client = Client(FakeTarget(vcpuCount: 3))
        #expect(client.ask("vCont?") == "vCont;c;C;s;S;t")
        _ = client.ask("vCont;s:2;c")
        client.session.notice(.stopped(VCPUIndex(1), .step))
        _ = client.answer()
        _ = client.ask("vCont;s:p1.2")
        client.session.notice(.stopped(VCPUIndex(1), .step))
        _ = client.answer()
        _ = client.ask("vCont;t:3;C05:1;c:p1.-1")
        #expect(
            client.target.controls == [
                .resume([.run, .step, .run]), .resume([.stay, .step, .stay]), .resume([.run, .run, .stay]),
            ])
    }

    @Test("vCont with nobody to go on is answered at once")
    func nobodyGoesOn() {
        let client = Client()
        #expect(client.ask("vCont;t") == "T02thread:1;")
        #expect(client.target.controls.isEmpty)
    }

    @Test("E.12: Ctrl-C stops a running machine, and does nothing to one that stands still")
    func interrupt() {
        let client = Client()
        client.send(raw: [3])
        #expect(client.target.controls.isEmpty)
        _ = client.ask("c")
        client.send(raw: [3])
        #expect(client.target.controls == [.resume([.run, .run]), .stop])
    }

    @Test("while the machine runs nothing of it can be looked at or changed")
    func running() {
        let client = Client()
        _ = client.ask("c")
        for payload in ["g", "p0", "m0,4", "Z0,1000,4", "P0=0000000000000000", "M0,1:00", "vCont;c", "s"] {
            #expect(client.ask(payload) == "E02", "\(payload)")
        }
        #expect(client.target.stopPoints.isEmpty)
    }

    // MARK: Threads

    @Test("vCPUs are threads 1 to n, alive, with names")
    func threads() throws {
        let client = Client(FakeTarget(vcpuCount: 12))
        #expect(client.ask("qfThreadInfo") == "m1,2,3,4,5,6,7,8,9,a,b,c")
        #expect(client.ask("qsThreadInfo") == "l")
        #expect(client.ask("Tc") == "OK")
        #expect(client.ask("Td") == "E01")
        #expect(client.ask("qThreadExtraInfo,c") == "76435055203131")
        let document = try #require(client.ask("qXfer:threads:read::0,1000"))
        #expect(document.contains("<thread id=\"c\" core=\"11\" name=\"vcpu11\"/>"))
    }

    // MARK: The end

    @Test("D takes the stop points away and lets the guest go on")
    func detach() {
        let client = Client()
        _ = client.ask("Z0,1000,4")
        #expect(client.ask("D") == "OK")
        #expect(client.session.ending == .detached)
        #expect(client.target.stopPoints.isEmpty)
        #expect(client.target.controls == [.resume([.run, .run])])
        // Nothing is taken after it.
        #expect(client.ask("g") == nil)
    }

    @Test("k and vKill end the machine", arguments: ["k", "vKill;1"])
    func kill(payload: String) {
        let client = Client()
        #expect(client.ask(payload) == (payload == "k" ? nil : "OK"))
        #expect(client.session.ending == .killed)
        #expect(client.target.controls == [.resume([.run, .run]), .powerOff])
    }

    @Test("the machine's end is told with its exit code")
    func exit() {
        let client = Client()
        _ = client.ask("c")
        client.session.notice(.ended(exitCode: 3))
        #expect(client.answer() == "W03")
    }

    @Test("after a reset the new machine has the stop points of the old one")
    func reset() {
        let client = Client()
        _ = client.ask("Z1,1000,4")
        _ = client.ask("c")
        let second = FakeTarget()
        client.session.replaceTarget(second)
        #expect(second.stopPoints == [StopPoint(.hardwareBreakpoint, at: 0x1000, size: 4)])
    }

    @Test("monitor commands answer in words")
    func monitor() {
        let client = Client()
        // "info", "help"
        #expect(client.ask("qRcmd,696e666f") == "61206d616368696e65")
        #expect(client.ask("qRcmd,68656c70")?.isEmpty == false)
        #expect(client.ask("qRcmd,7265736574")?.isEmpty == false)
        #expect(client.target.controls == [.reset])
    }
}
