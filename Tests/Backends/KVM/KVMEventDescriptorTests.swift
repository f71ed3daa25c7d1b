#if arch(arm64)
    import Glibc
    import HostSupport
    import KVMBackend
    import Testing
    import VMMCore

    /// Eventfds that interrupt an arm64 guest.
    @Suite(.enabled(if: KVMOfHost.host != nil, "no usable /dev/kvm")) struct KVMEventDescriptorTests {
        private static let device = GuestAddress(0x0A00_0000)

        private func signal(_ event: Int32) {
            var one: UInt64 = 1
            #expect(unsafe write(event, &one, 8) == 8)
        }

        private func value(_ guest: ARM64Guest) throws -> UInt64? {
            guard case .mmioWrite(Self.device, .word, let value) = try guest.cpu.run() else { return nil }
            return value
        }

        /// KVM may leave it to a thread of its own: the guest looks until it is there, and the watchdog ends that.
        private func waits(_ guest: ARM64Guest, for wanted: UInt64) throws -> Bool {
            while let found = try value(guest) { if found == wanted { return true } }
            return false
        }

        @Test("an irqfd's signal makes a shared peripheral interrupt pending")
        func input() throws {
            // again: ldr w0, [x2]; str w0, [x1]; b again
            let guest = try ARM64Guest([0xB940_0040, 0xB900_0020, 0x17FF_FFFE])
            var registers = try guest.cpu.registers()
            // GICD_ISPENDR1: INTIDs 32 to 63, which are for edges from the start.
            (registers.x[1], registers.x[2]) = (Self.device.rawValue, 0x0800_0204)
            try guest.cpu.setRegisters(registers)
            let event = host_eventfd()
            defer { close(event) }
            try guest.machine.bindIRQFD(event, toInput: 3)
            #expect(try value(guest) == 0)
            signal(event)
            #expect(try waits(guest, for: 1 << 3))
            try guest.machine.unbindIRQFD(event, fromInput: 3)
            #expect(throws: KVMError.noSuchInterruptInput(224, count: 224)) {
                try guest.machine.bindIRQFD(event, toInput: 224)
            }
        }

        @Test("an eventfd's signal sends a device's message through the ITS; wires go on beside it")
        func message() throws {
            let guest = try ARM64Guest.acknowledging(to: Self.device)
            #expect(try value(guest) == 0)
            #expect(try value(guest) == 1023)
            let (event, other) = (host_eventfd(), host_eventfd())
            defer { for event in [event, other] { close(event) } }
            // One of a device that the guest knows nothing of, and one that it has mapped.
            let stranger = try guest.machine.bindIRQFD(other, to: ARM64Guest.event.message, from: 99)
            let number = try guest.machine.bindIRQFD(
                event, to: ARM64Guest.event.message, from: ARM64Guest.event.device)
            #expect(number != stranger)
            signal(other)
            #expect(try value(guest) == 1023)
            signal(event)
            #expect(try waits(guest, for: 8200))
            try guest.machine.unbindIRQFD(other, fromMessage: stranger)
            // A number that is free is taken again.
            #expect(try guest.machine.bindIRQFD(other, to: ARM64Guest.event.message, from: 98) == stranger)
            try guest.machine.unbindIRQFD(event, fromMessage: number)
            #expect(throws: KVMError.self) { try guest.machine.unbindIRQFD(event, fromMessage: 5000) }
            #expect(throws: KVMError.self) {
                try guest.machine.bindIRQFD(-1, to: ARM64Guest.event.message, from: 16)
            }
        }
    }
#endif
