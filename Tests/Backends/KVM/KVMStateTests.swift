#if arch(arm64)
    import Testing
    import VMMCore

    @testable import KVMBackend

    /// A machine that goes on in another one.
    @Suite(.enabled(if: KVMOfHost.host != nil, "no usable /dev/kvm")) struct KVMStateTests {
        private static let device = GuestAddress(0x0A00_0000)
        /// The counters go on all the time. KVM's names for CNTVCT_EL0 and CNTPCT_EL0.
        private static let counters = ["s3_3_c14_c3_2", "s3_3_c14_c0_1"]

        /// What is not the same, by name, but the counters.
        private func differences(_ one: KVMMachineState, _ other: KVMMachineState) -> [String] {
            var differences: [String] = []
            for (index, (left, right)) in zip(one.vcpus, other.vcpus).enumerated() {
                for (left, right) in zip(left.registers, right.registers)
                where left != right && !Self.counters.contains(left.identifier.words) {
                    differences.append("vCPU \(index): \(left.identifier.words): \(left.value), \(right.value)")
                }
                if left.powerState != right.powerState { differences.append("vCPU \(index): power") }
                if left.events != right.events { differences.append("vCPU \(index): events") }
            }
            let (left, right) = (one.interruptController, other.interruptController)
            differences += zip(left.distributor, right.distributor).filter { $0 != $1 }.map { "GICD \($0), \($1)" }
            if left.levels != right.levels { differences.append("levels: \(left.levels), \(right.levels)") }
            for (index, (left, right)) in zip(left.cpus, right.cpus).enumerated() {
                differences += zip(left.redistributor, right.redistributor).filter { $0 != $1 }
                    .map { "GICR of \(index) \($0), \($1)" }
                differences += zip(left.interface, right.interface).filter { $0 != $1 }
                    .map { "ICC of \(index) \($0), \($1)" }
                if left.levels != right.levels { differences.append("levels of \(index)") }
            }
            differences += zip(left.translation, right.translation).filter { $0 != $1 }.map { "GITS \($0), \($1)" }
            if left.translationControl != right.translationControl { differences.append("GITS_CTLR") }
            return differences
        }

        /// A machine that has run nothing, with the memory of `other`.
        private func successor(of other: ARM64Guest, size: UInt64, vcpuCount: Int) throws -> ARM64Guest {
            let guest = try ARM64Guest([], memorySize: size, vcpuCount: vcpuCount)
            let start = GuestAddress(ARM64Guest.data)
            try guest.memory.copyIn(other.memory.copyOut(start, count: Int(size)), to: start)
            return guest
        }

        private func next(_ guest: ARM64Guest) throws -> UInt64? {
            guard case .mmioWrite(Self.device, _, let value) = try guest.cpu.run() else { return nil }
            return value
        }

        @Test("a guest goes on in a new machine: its registers, its GIC, an LPI that was pending, a CPU that was off")
        func roundTrip() throws {
            let guest = try ARM64Guest.acknowledging(to: Self.device, vcpuCount: 2)
            #expect(try next(guest) == 0)
            #expect(try next(guest) == 1023)
            let line = try guest.machine.interruptLine(7)
            line.setLevel(true)
            try guest.machine.messageInput().send(ARM64Guest.event.message, from: ARM64Guest.event.device)

            let saved = try guest.machine.saveState(of: guest.cpus)
            let other = try successor(of: guest, size: ARM64Guest.messageMemory, vcpuCount: 2)
            try other.machine.restoreState(saved, to: other.cpus)
            let again = try other.machine.saveState(of: other.cpus)
            #expect(differences(saved, again) == [])
            #expect(try saved.vcpus[0].value(of: "pc") == guest.cpu.registers().pc)
            #expect(saved.vcpus[0].powerState != saved.vcpus[1].powerState)

            #expect(try next(other) == 8200)
            #expect(try next(other) == 1023)
        }

        @Test("the virtual counter goes on from where it was, and its timer's registers are the same")
        func counter() throws {
            // again: mrs x0, cntvct_el0; str x0, [x2]; b again
            let guest = try ARM64Guest([0xD53B_E040, 0xF900_0040, 0x17FF_FFFE])
            var registers = try guest.cpu.registers()
            registers.x[2] = Self.device.rawValue
            try guest.cpu.setRegisters(registers)
            // Far beyond what a new machine's counter can have.
            let far: UInt64 = 1 << 50
            try guest.cpu.setRegister(KVMRegister.cntvct_el0, far)
            let before = try #require(try next(guest))
            #expect(before >= far)
            let saved = try guest.machine.saveState(of: guest.cpus)
            let other = try successor(of: guest, size: 0x1_0000, vcpuCount: 1)
            try other.machine.restoreState(saved, to: other.cpus)
            #expect(try #require(try next(other)) >= before)
        }

        @Test("a state of a machine with other CPUs is refused")
        func others() throws {
            let guest = try ARM64Guest([0xD503_201F])
            let saved = try guest.machine.saveState(of: guest.cpus)
            let two = try ARM64Guest([], vcpuCount: 2)
            #expect(throws: KVMError.tooManyVCPUs(limit: 2)) { try two.machine.restoreState(saved, to: two.cpus) }
            var different = saved
            let midr = try #require(saved.vcpus[0].registers.firstIndex { $0.identifier.words == "s3_0_c0_c7_0" })
            let identifier = saved.vcpus[0].registers[midr].identifier
            different.vcpus[0].registers[midr] = .init(identifier: identifier, value: [9, 9, 9, 9, 9, 9, 9, 9])
            #expect(throws: KVMError.stateOfOtherMachine(identifier)) {
                let other = try ARM64Guest([])
                try other.machine.restoreState(different, to: other.cpus)
            }
        }

        @Test("KVM has all registers that are used here by name")
        func registerList() throws {
            let check = try ARM64Guest([]).cpu.checkRegisterList()
            #expect(check.missing == [])
            #expect(check.count > 100)
        }
    }
#endif
