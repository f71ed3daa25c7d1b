/// Where KVM keeps the state of a guest's GICv3, in the order in which it is restored into a machine that was just made.
///
/// Source: Linux Documentation/virt/kvm/devices/arm-vgic-v3.rst and arm-vgic-its.rst; Arm IHI 0069, 12.9 (GICD), 12.11 (GICR), 12.19 (GITS) for
/// the offsets, 12.2 for the encodings of the system registers.
enum VGICRegisters {
    /// A block of a register for 32 interrupts, two bits a register for 16, and so on: `base` + 4 × index.
    private static func block(_ base: UInt32, bitsEach: Int, interrupts: Range<Int>) -> [UInt32] {
        let first = interrupts.lowerBound * bitsEach / 32
        let end = interrupts.upperBound * bitsEach / 32
        return (first..<end).map { base + 4 * UInt32($0) }
    }

    /// The distributor's registers for INTIDs 32 to `count` - 1, as offsets of words. The identification comes first: it chooses how KVM
    /// takes the rest. Clearing registers come before their setting ones, edges before what is pending.
    static func distributor(interruptCount count: Int) -> [UInt32] {
        let spis = 32..<count
        let sets: [UInt32] = [Offset.identification, Offset.control]
        let blocks: [[UInt32]] = [
            block(Offset.group, bitsEach: 1, interrupts: spis),
            block(Offset.configuration, bitsEach: 2, interrupts: spis),
            block(Offset.priority, bitsEach: 8, interrupts: spis),
            // Two words each.
            spis.flatMap { [Offset.route + 8 * UInt32($0), Offset.route + 8 * UInt32($0) + 4] },
            block(Offset.setEnable, bitsEach: 1, interrupts: spis),
            block(Offset.setPending, bitsEach: 1, interrupts: spis),
            block(Offset.setActive, bitsEach: 1, interrupts: spis),
        ]
        return sets + blocks.flatMap(\.self)
    }

    /// A redistributor's, with its second frame 64 KiB on. LPIs are enabled behind the addresses of their tables.
    static let redistributor: [UInt32] = {
        let frame: UInt32 = 0x1_0000
        let privates = 0..<32
        let properties: [UInt32] = [0x70, 0x74, 0x78, 0x7C, 0x14, 0x00]
        let blocks: [[UInt32]] = [
            block(frame + Offset.group, bitsEach: 1, interrupts: privates),
            block(frame + Offset.configuration, bitsEach: 2, interrupts: privates),
            block(frame + Offset.priority, bitsEach: 8, interrupts: privates),
            block(frame + Offset.setEnable, bitsEach: 1, interrupts: privates),
            block(frame + Offset.setPending, bitsEach: 1, interrupts: privates),
            block(frame + Offset.setActive, bitsEach: 1, interrupts: privates),
        ]
        return properties + blocks.flatMap(\.self)
    }()

    /// The clearing register that belongs to a setting one of enables or of what is active: written with ones before, since a machine may
    /// have some set from the start. Nil: there is none, or KVM takes the other's value whole.
    static func clearing(_ offset: UInt32) -> UInt32? {
        let inFrame = offset & 0xFFFF
        return switch inFrame {
        case Offset.setEnable..<Offset.setEnable + 0x80, Offset.setActive..<Offset.setActive + 0x80: offset + 0x80
        default: nil
        }
    }

    private enum Offset {
        static let control: UInt32 = 0x0000
        static let identification: UInt32 = 0x0008
        static let group: UInt32 = 0x0080
        static let setEnable: UInt32 = 0x0100
        static let setPending: UInt32 = 0x0200
        static let setActive: UInt32 = 0x0300
        static let priority: UInt32 = 0x0400
        static let configuration: UInt32 = 0x0C00
        static let route: UInt32 = 0x6000
    }

    /// The CPU interface's, as MRS encodings: SRE, PMR, BPR0, BPR1, CTLR, IGRPEN0, IGRPEN1, then the active priorities. CTLR comes behind BPR1,
    /// which with CTLR.CBPR takes no value.
    ///
    /// - Parameter priorityBits: of CTLR.PRIbits, plus 1: 5 to 7.
    static func cpuInterface(priorityBits: Int) -> [UInt16] {
        let groups = 1 << max(0, min(priorityBits - 5, 2))
        let active0 = (0..<groups).map { encoding(12, 8, UInt16(4 + $0)) }
        let active1 = (0..<groups).map { encoding(12, 9, UInt16($0)) }
        let fixed = [
            encoding(12, 12, 5), encoding(4, 6, 0), encoding(12, 8, 3), encoding(12, 12, 3), control,
            encoding(12, 12, 6), encoding(12, 12, 7),
        ]
        return fixed + active0 + active1
    }

    /// ICC_CTLR_EL1.
    static let control = encoding(12, 12, 4)

    static func priorityBits(ofControl value: UInt64) -> Int { Int(value >> 8 & 7) + 1 }

    private static func encoding(_ crn: UInt16, _ crm: UInt16, _ op2: UInt16) -> UInt16 {
        3 << 14 | crn << 7 | crm << 3 | op2
    }

    /// The ITS's, all of 64 bits for KVM, but CTLR, which is last of all, behind its tables: CBASER, which resets CREADR; IIDR, BASERs, CREADR,
    /// CWRITER.
    static let translation: [UInt32] =
        [0x0080, 0x0004] + (0..<8).map { 0x0100 + 8 * UInt32($0) } + [0x0090, 0x0088]
    static let translationControl: UInt32 = 0x0000
}
