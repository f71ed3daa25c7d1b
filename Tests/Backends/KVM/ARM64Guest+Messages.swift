#if arch(arm64)
    import KVMBackend
    import Testing
    import VMMCore

    extension ARM64Guest {
        static let messageMemory: UInt64 = 0x10_0000
        /// GITS_TRANSLATER.
        static let translater = GuestAddress(0x0809_0040)
        /// What a device sends for LPI 8200, and from which.
        static let event = (message: MSI(address: translater, data: 5), device: 16 as UInt32)

        /// A guest with an ITS, in whose tables event 5 of device 16 is LPI 8200 of CPU 0. It stores 0, then what it acknowledges, to `device`,
        /// again and again.
        static func acknowledging(to device: GuestAddress, vcpuCount: Int = 1) throws -> ARM64Guest {
            let ram = data
            let (configurations, pending, queue) = (ram + 0x1_0000, ram + 0x2_0000, ram + 0x3_0000)
            let (devices, collections, interrupts) = (ram + 0x4_0000, ram + 0x5_0000, ram + 0x6_0000)
            let valid: UInt64 = 1 << 63
            let stores: [(UInt64, UInt64)] = [
                // GICD_CTLR: group 1, affinity routing; GICR_WAKER. Bit 0 of an address stands for a word.
                (0x0800_0000 | 1, 0x12), (0x080A_0014 | 1, 0),
                // GICR_PROPBASER, PENDBASER with PTZ, CTLR.
                (0x080A_0070, configurations | 13), (0x080A_0078, pending | 1 << 62), (0x080A_0000 | 1, 1),
                // GITS_BASER0 and 1 of one page of 64 KiB, CBASER, CTLR, CWRITER behind three commands.
                (0x0808_0100, valid | devices | 2 << 8), (0x0808_0108, valid | collections | 2 << 8),
                (0x0808_0080, valid | queue), (0x0808_0000 | 1, 1), (0x0808_0088, 3 * 32),
            ]
            // MAPD of device 16 with 32 events, MAPC of collection 0 to CPU 0, MAPTI of event 5 to INTID 8200.
            let commands: [UInt64] = [
                16 << 32 | 0x08, 4, valid | interrupts, 0, 0x09, 0, valid, 0, 16 << 32 | 0x0A, 8200 << 32 | 5, 0, 0,
            ]
            let guest = try ARM64Guest(messageReader, memorySize: messageMemory, vcpuCount: vcpuCount)
            let list = ram + 0x8000
            for (index, store) in stores.enumerated() {
                try guest.memory.store(store.0, at: GuestAddress(list + UInt64(16 * index)))
                try guest.memory.store(store.1, at: GuestAddress(list + UInt64(16 * index + 8)))
            }
            for (index, word) in commands.enumerated() {
                try guest.memory.store(word, at: GuestAddress(queue + UInt64(8 * index)))
            }
            // LPI 8200: enabled, priority 0xA0.
            try guest.memory.store(UInt8(0xA1), at: GuestAddress(configurations + 8))
            var registers = try guest.cpu.registers()
            (registers.x[1], registers.x[2]) = (list, device.rawValue)
            (registers.x[6], registers.x[7], registers.x[8]) = (7, 0xFF, 1)
            try guest.cpu.setRegisters(registers)
            return guest
        }

        /// Makes the CPU interface ready (x6, x7, x8), does the stores of the list at x1, and then stores what it acknowledges to x2,
        /// again and again; the first value is x0's.
        private static let messageReader: [UInt32] = [
            // msr icc_sre_el1, x6; isb; msr icc_pmr_el1, x7; msr icc_igrpen1_el1, x8; isb
            0xD518_CCA6, 0xD503_3FDF, 0xD518_4607, 0xD518_CCE8, 0xD503_3FDF,
            // next: ldp x4, x5, [x1], #16; cbz x4, end; tbnz w4, #0, word; str x5, [x4]; b next
            0xA8C1_1424, 0xB400_00E4, 0x3700_0064, 0xF900_0085, 0x17FF_FFFC,
            // word: sub x4, x4, #1; str w5, [x4]; b next; end: dsb sy
            0xD100_0484, 0xB900_0085, 0x17FF_FFF9, 0xD503_3F9F,
            // again: str w0, [x2]; mrs x0, icc_iar1_el1; b again
            0xB900_0040, 0xD538_CC00, 0x17FF_FFFE,
        ]
    }
#endif
