#if arch(arm64)
    import Testing
    import VMMCore

    @testable import KVMBackend

    /// What a vCPU can be given, as a guest sees it. Of features that the host has not, only that they are refused.
    @Suite(.enabled(if: KVMOfHost.host != nil, "no usable /dev/kvm")) struct KVMARM64FeatureTests {
        private static let device = GuestAddress(0x0A00_0000)

        private func facts() throws -> ARM64HostFacts { try #require(KVMOfHost.host).arm64Facts() }

        private func offers(_ feature: ARM64Feature) throws -> Bool { try facts().features.contains(feature) }

        /// What a guest of `code` stores to `device`, whose address x8 has, next.
        private func value(_ guest: ARM64Guest) throws -> UInt64? {
            guard case .mmioWrite(Self.device, _, let value) = try guest.cpu.run() else { return nil }
            return value
        }

        /// An ID register that the guest reads by its `mrs x0`.
        private func identification(_ read: UInt32, _ model: ARM64CPUModel) throws -> UInt64? {
            // str x0, [x8]
            let guest = try ARM64Guest([read, 0xF900_0100], model: model)
            var registers = try guest.cpu.registers()
            registers.x[8] = Self.device.rawValue
            try guest.cpu.setRegisters(registers)
            return try value(guest)
        }

        // mrs x0, id_aa64pfr0_el1; id_aa64dfr0_el1; id_aa64isar1_el1
        private static let processor: UInt32 = 0xD538_0400
        private static let debug: UInt32 = 0xD538_0500
        private static let instructions: UInt32 = 0xD538_0620

        @Test("a guest's ID registers have what its model has, and not what is taken away")
        func identification() throws {
            let without = try ARM64CPUModel(removing: [.sve, .pmu, .pauth])
            func fields(_ model: ARM64CPUModel) throws -> (sve: UInt64, pmu: UInt64, pauth: UInt64) {
                let processor = try #require(try identification(Self.processor, model))
                let debug = try #require(try identification(Self.debug, model))
                let instructions = try #require(try identification(Self.instructions, model))
                // SVE 35:32; PMUVer 11:8, of which 15 is none of PMUv3's; APA 7:4, API 11:8, GPA 27:24, GPI 31:28.
                let monitors = debug >> 8 & 15
                return (processor >> 32 & 15, monitors == 15 ? 0 : monitors, instructions & 0xFF00_0FF0)
            }
            let host = try fields(.host)
            #expect((host.sve != 0) == (try offers(.sve)))
            #expect((host.pmu != 0) == (try offers(.pmu)))
            // A CPU with the QARMA3 algorithm tells in another register.
            if try !offers(.pauth) { #expect(host.pauth == 0) }
            #expect(try fields(without) == (0, 0, 0))
        }

        @Test("a guest's SVE vectors are as long as the longest of the lengths that KVM tells")
        func vectors() throws {
            guard try offers(.sve) else { return }
            // msr zcr_el1, x6; isb; rdvl x0, #1; str x0, [x8]
            let guest = try ARM64Guest([0xD518_1206, 0xD503_3FDF, 0x04BF_5020, 0xF900_0100])
            var registers = try guest.cpu.registers()
            // LEN: as long as there are.
            (registers.x[6], registers.x[8]) = (15, Self.device.rawValue)
            // ZEN and FPEN: no traps.
            registers.cpacr_el1 = 3 << 16 | 3 << 20
            try guest.cpu.setRegisters(registers)
            let longest = try #require(try guest.cpu.vectorLengths().max())
            #expect(try value(guest) == UInt64(longest / 8))
        }

        @Test("an overflow of the performance monitors is PPI 7, INTID 23")
        func overflow() throws {
            guard try offers(.pmu) else { return }
            let guest = try ARM64Guest([
                // msr pmintenset_el1, x6; msr pmcntenset_el0, x6; msr pmcr_el0, x7; msr pmovsset_el0, x6; isb
                0xD518_9E26, 0xD51B_9C26, 0xD51B_9C07, 0xD51B_9E66, 0xD503_3FDF,
                // again: ldr w0, [x2]; str w0, [x8]; b again
                0xB940_0040, 0xB900_0100, 0x17FF_FFFE,
            ])
            var registers = try guest.cpu.registers()
            // The cycle counter's bit; PMCR.E; GICR_ISPENDR0.
            (registers.x[6], registers.x[7], registers.x[2]) = (1 << 31, 1, 0x080B_0200)
            registers.x[8] = Self.device.rawValue
            try guest.cpu.setRegisters(registers)
            var pending: UInt64? = 0
            // The watchdog ends a guest that never sees it.
            while let now = pending, now & 1 << 23 == 0 { pending = try value(guest) }
            #expect(pending.map { $0 & 1 << 23 } == 1 << 23)
        }

        @Test("what the host has not is refused, with what it has")
        func lacking() throws {
            let offered = try facts().features
            for feature in ARM64Feature.allCases where !offered.contains(feature) {
                #expect(throws: KVMError.lacksARM64Features([feature], offered: offered)) {
                    try ARM64Guest([], model: ARM64CPUModel(adding: [feature]))
                }
            }
        }

        @Test("features are asked for by KVM's bits; pointer authentication is two")
        func bits() {
            #expect(KVMVCPU.featureBits(of: []) == 0)
            #expect(KVMVCPU.featureBits(of: [.pmu]) == 1 << 3)
            #expect(KVMVCPU.featureBits(of: [.sve, .pauth]) == 1 << 4 | 1 << 5 | 1 << 6)
            #expect(KVMVCPU.featureBits(of: [.el2]) == 1 << 7)
        }
    }
#endif
