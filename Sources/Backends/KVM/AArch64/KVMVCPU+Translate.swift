#if arch(arm64)
    package import VMMCore

    extension KVMVCPU: AddressTranslating {
        /// Where the guest's own tables lead a data read at EL1, or nil. KVM has no call for it on arm64: the tables are read here.
        package func translate(_ address: GuestVirtualAddress) -> GuestAddress? {
            guard let memory = machine.memory, let tcr = try? register(.tcr_el1),
                let sctlr = try? register(.sctlr_el1), let low = try? register(.ttbr0_el1),
                let high = try? register(.ttbr1_el1)
            else { return nil }
            guard sctlr & 1 == 1 else { return GuestAddress(address.rawValue) }
            return StageOneWalk(address.rawValue, tcr: tcr, ttbr0: low, ttbr1: high)?.result(in: memory)
        }
    }

    /// A walk of the EL1&0 tables with 48-bit addresses, without permissions: what reports and debuggers want.
    /// Source: Arm DDI 0487, D8.2.
    struct StageOneWalk {
        private let address: UInt64
        private let inputBits: Int
        private let granuleShift: Int
        private let base: UInt64
        private static let addressMask: UInt64 = 0x0000_FFFF_FFFF_FFFF

        /// Nil for an address outside both halves, or in a half whose walks are disabled.
        init?(_ address: UInt64, tcr: UInt64, ttbr0: UInt64, ttbr1: UInt64) {
            let isHigh = address >> 55 & 1 == 1
            // Each half's fields of TCR_EL1: T0SZ 5:0, EPD0 7, TG0 15:14, TBI0 37; T1SZ 21:16, EPD1 23, TG1 31:30, TBI1 38.
            let fields = isHigh ? tcr >> 16 : tcr
            let ignoresTop = tcr >> (isHigh ? 38 : 37) & 1 == 1
            guard fields >> 7 & 1 == 0 else { return nil }
            granuleShift =
                switch (isHigh, fields >> 14 & 3) {
                case (false, 1), (true, 3): 16
                case (false, 2), (true, 1): 14
                default: 12
                }
            inputBits = 64 - min(max(Int(fields & 0x3F), 16), 39)
            let top = ignoresTop ? Int64(bitPattern: address << 8) >> 8 : Int64(bitPattern: address)
            guard top >> Int64(inputBits) == (isHigh ? -1 : 0) else { return nil }
            self.address = address
            base = (isHigh ? ttbr1 : ttbr0) & 0x0000_FFFF_FFFF_FFFE
        }

        /// The physical address, or nil where nothing is mapped or a table lies outside RAM.
        func result(in memory: GuestMemory) -> GuestAddress? {
            let stride = granuleShift - 3
            let levels = (inputBits - granuleShift + stride - 1) / stride
            // The first table may be smaller than a granule; it is aligned to its size, at least 64 bytes.
            var bits = inputBits - granuleShift - (levels - 1) * stride
            var table = base & ~((1 << UInt64(max(bits + 3, 6))) - 1)
            for level in (4 - levels)...3 {
                let shift = UInt64(granuleShift + (3 - level) * stride)
                let index = address >> shift & ((1 << UInt64(bits)) - 1)
                guard let descriptor = try? memory.load(UInt64.self, at: GuestAddress(table + index * 8)),
                    descriptor & 1 == 1
                else { return nil }
                if level < 3 && descriptor & 2 != 0 {
                    table = descriptor & Self.addressMask & ~((1 << UInt64(granuleShift)) - 1)
                    bits = stride
                    continue
                }
                // Blocks: level 1 with 4 KiB pages only, and level 2; a page has bit 1 set.
                guard level == 3 ? descriptor & 2 != 0 : level == 2 || level == 1 && granuleShift == 12 else {
                    return nil
                }
                let offset = (1 as UInt64) << shift - 1
                return GuestAddress(descriptor & Self.addressMask & ~offset | address & offset)
            }
            return nil
        }
    }
#endif
