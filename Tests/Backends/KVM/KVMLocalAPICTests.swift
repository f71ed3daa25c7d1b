#if arch(x86_64)
    import Glibc
    import HostSupport
    import KVMBackend
    import Synchronization
    import Testing
    import VMMCore

    /// KVM with local APICs only: what goes between them and the controllers outside.
    @Suite(
        .enabled(if: KVMGuest.host?.probe.has(.splitIRQChip) ?? false, "no /dev/kvm with KVM_CAP_SPLIT_IRQCHIP"),
        .timeLimit(.minutes(1)))
    struct KVMLocalAPICTests {
        static let vector: UInt8 = 0x41

        /// Turns the x2APIC on, then halts with interrupts on. `vector` comes to a handler that tells port 0x80, ends the interrupt at the
        /// local APIC, tells port 0x82, and returns.
        static let program: [UInt8] =
            wrmsr(0x1B, 0xFEE0_0D00) + wrmsr(0x80F, 0x1FF) + [0xE6, 0x81, 0xFB, 0xF4, 0xEB, 0xFD]
        static let handler: [UInt8] = [0xE6, 0x80] + wrmsr(0x80B, 0) + [0xE6, 0x82, 0xCF]

        /// In real mode.
        static func wrmsr(_ register: UInt32, _ value: UInt32) -> [UInt8] {
            func bytes(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
            return [0x66, 0xB9] + bytes(register) + [0x66, 0xB8] + bytes(value) + [0x66, 0x31, 0xD2, 0x0F, 0x30]
        }

        func makeGuest(_ controllers: Controllers) throws -> KVMGuest {
            let guest = try KVMGuest(Self.program, hasLocalAPICsOnly: true)
            try guest.memory.copyIn(Self.handler, to: GuestAddress(0x1800))
            try guest.memory.store(UInt32(0x1800), at: GuestAddress(UInt64(Self.vector) * 4))
            guest.machine.connect(ioAPIC: controllers, external: controllers)
            #expect(try guest.cpu.run() == .portWrite(port: 0x81, width: .byte, value: 0xFF))
            return guest
        }

        /// Runs until something else than an interruption.
        func run(_ guest: KVMGuest) throws -> VCPUExit {
            while true {
                let exit = try guest.cpu.run()
                if exit != .interrupted { return exit }
            }
        }

        /// The handler begins and ends.
        func expectInterrupt(_ guest: KVMGuest) throws {
            for port: UInt16 in [0x80, 0x82] {
                guard case .portWrite(port, .byte, _) = try run(guest) else {
                    Issue.record("the handler does not tell port \(port)")
                    return
                }
            }
        }

        @Test("the I/O APIC is told of the end of a vector that it has announced, and of no other")
        func endOfInterrupt() throws {
            let controllers = Controllers()
            let guest = try makeGuest(controllers)
            let output = try guest.machine.localAPICs { Issue.record("\($0)") }
            let edge = MSI(address: GuestAddress(0xFEE0_0000), data: UInt32(Self.vector))
            let level = MSI(address: GuestAddress(0xFEE0_0000), data: 0xC000 | UInt32(Self.vector))
            output.send(edge)
            try expectInterrupt(guest)
            output.announce(level, ofInput: 9)
            #expect(controllers.ended.isEmpty)
            output.send(level)
            try expectInterrupt(guest)
            #expect(controllers.ended == [Self.vector])
        }

        @Test("the 8259s' vector comes when the CPU can take it, once for each acknowledge")
        func external() throws {
            let controllers = Controllers()
            let guest = try makeGuest(controllers)
            let line = guest.cpu.externalInterruptLine
            controllers.offer(Self.vector, of: line)
            for _ in 0..<3 {
                line.setLevel(true)
                try expectInterrupt(guest)
            }
            #expect(controllers.acknowledged == 3)
        }

        @Test("a request that is withdrawn leaves the vCPU as it was")
        func withdrawn() throws {
            let controllers = Controllers()
            let guest = try makeGuest(controllers)
            let line = guest.cpu.externalInterruptLine
            line.setLevel(true)
            #expect(try guest.cpu.run() == .interrupted)
            line.setLevel(false)
            guest.cpu.kick()
            #expect(try guest.cpu.run() == .interrupted)
        }

        @Test(
            "an eventfd's signals are the message that it is bound to, one that came before as well; an I/O APIC's announcements go on",
            arguments: [true, false])
        func boundMessage(hasLocalAPICsOnly: Bool) throws {
            let guest = try KVMGuest(Self.program, hasLocalAPICsOnly: hasLocalAPICsOnly)
            let controllers = Controllers()
            if hasLocalAPICsOnly { guest.machine.connect(ioAPIC: controllers, external: controllers) }
            try guest.memory.copyIn(Self.handler, to: GuestAddress(0x1800))
            try guest.memory.store(UInt32(0x1800), at: GuestAddress(UInt64(Self.vector) * 4))
            #expect(try guest.cpu.run() == .portWrite(port: 0x81, width: .byte, value: 0xFF))
            let (event, other) = (host_eventfd(), host_eventfd())
            defer { for event in [event, other] { close(event) } }
            let message = MSI(address: GuestAddress(0xFEE0_0000), data: UInt32(Self.vector))
            func signal() {
                var one: UInt64 = 1
                #expect(unsafe write(event, &one, 8) == 8)
            }

            // Another vector, of which the guest knows nothing: its table has an entry of its own.
            let stranger = try guest.machine.bindIRQFD(
                other, to: MSI(address: GuestAddress(0xFEE0_0000), data: 0x31), from: 8)
            let number = try guest.machine.bindIRQFD(event, to: message, from: 8)
            #expect(stranger == 24 && number == 25)
            signal()
            try expectInterrupt(guest)
            if hasLocalAPICsOnly {
                let output = try guest.machine.localAPICs { Issue.record("\($0)") }
                output.announce(MSI(address: GuestAddress(0xFEE0_0000), data: 0xC031), ofInput: 9)
                signal()
                try expectInterrupt(guest)
            }
            try guest.machine.unbindIRQFD(event, fromMessage: number)
            signal()
            // Unread: it is not lost.
            #expect(try guest.machine.bindIRQFD(event, to: message, from: 8) == number)
            try expectInterrupt(guest)

            try guest.machine.unbindIRQFD(event, fromMessage: number)
            #expect(throws: KVMError.noSuchInterruptInput(number, count: 24)) {
                try guest.machine.unbindIRQFD(event, fromMessage: number)
            }
            // Not the local APICs': a write to memory.
            #expect(throws: KVMError.refused(.setGSIRouting, errno: EINVAL)) {
                try guest.machine.bindIRQFD(event, to: MSI(address: GuestAddress(0x1000), data: 0x41), from: 8)
            }
        }

        @Test("there are no wires to controllers that KVM does not have")
        func noInputs() throws {
            let guest = try KVMGuest([0xF4], hasLocalAPICsOnly: true)
            #expect(throws: KVMError.noSuchInterruptInput(0, count: 0)) { try guest.machine.interruptLine(0) }
        }
    }

    /// Controllers outside that keep what they are told, and offer one vector.
    final class Controllers: EndOfInterruptReceiver, InterruptAcknowledging {
        private struct State {
            var ended: [UInt8] = []
            var acknowledged = 0
            var offered: UInt8?
            var line: (any InterruptLine)?
        }

        private let state = Mutex(State())

        var ended: [UInt8] { state.withLock { $0.ended } }
        var acknowledged: Int { state.withLock { $0.acknowledged } }

        /// An acknowledge lets the line fall.
        func offer(_ vector: UInt8, of line: any InterruptLine) {
            state.withLock { state in
                state.offered = vector
                state.line = line
            }
        }

        func endOfInterrupt(vector: UInt8) { state.withLock { $0.ended.append(vector) } }

        func acknowledge() -> UInt8? {
            let (vector, line) = state.withLock { state in
                if state.offered != nil { state.acknowledged += 1 }
                return (state.offered, state.line)
            }
            line?.setLevel(false)
            return vector
        }
    }
#endif
