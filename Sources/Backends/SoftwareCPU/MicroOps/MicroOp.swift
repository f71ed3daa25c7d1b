/// One guest instruction, decoded for the engines: 16 bytes, register numbers as slots of the state block.
///
/// What the fields mean is the opcode's business; by custom `d` is the destination, `n` and `m` are sources, and `b` of an
/// operation with two widths is 0 for 64 and 32 for 32 bits: how far to shift all ones right for the result's mask.
struct MicroOp: MicroOpFields {
    var opcode: Opcode
    var d: UInt8 = 0
    var n: UInt8 = 0
    var m: UInt8 = 0
    var a: UInt8 = 0
    var b: UInt8 = 0
    var c: UInt8 = 0
    /// Which instruction of its block it is, or the first of those that it does, from 0.
    var position: UInt8 = 0
    var immediate: UInt64 = 0

    static let size = 16

    init(
        _ opcode: Opcode, d: UInt8 = 0, n: UInt8 = 0, m: UInt8 = 0, a: UInt8 = 0, b: UInt8 = 0, c: UInt8 = 0,
        position: UInt8 = 0, immediate: UInt64 = 0
    ) {
        self.opcode = opcode
        self.d = d
        self.n = n
        self.m = m
        self.a = a
        self.b = b
        self.c = c
        self.position = position
        self.immediate = immediate
    }

    /// Two displacements in one immediate: what is added for the address, and for the base's new value.
    static func packed(address: Int64, writeback: Int64) -> UInt64 {
        UInt64(UInt32(truncatingIfNeeded: address)) | UInt64(UInt32(truncatingIfNeeded: writeback)) << 32
    }
}

/// The operands of a micro-op, in hand or in a block.
protocol MicroOpFields {
    var d: UInt8 { get }
    var n: UInt8 { get }
    var m: UInt8 { get }
    var a: UInt8 { get }
    var b: UInt8 { get }
    var c: UInt8 { get }
    var immediate: UInt64 { get }
}

extension MicroOpFields {
    /// The mask of a conditional branch's condition.
    @inline(__always)
    var condition: UInt64 { UInt64(a) | UInt64(b) &<< 8 }

    /// The displacement for the address, of a packed immediate.
    @inline(__always)
    var addressDisplacement: UInt64 {
        UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: immediate)))
    }

    /// The displacement for the base's new value, of a packed immediate.
    @inline(__always)
    var writebackDisplacement: UInt64 {
        UInt64(bitPattern: Int64(bitPattern: immediate) &>> 32)
    }
}

/// Why an instruction takes the Undefined exception.
enum UndefinedReason: UInt8 {
    /// The manual leaves the encoding free.
    case unallocated
    /// A field has a value that the manual reserves.
    case reserved
    /// CONSTRAINED UNPREDICTABLE, and this CPU chooses to call it undefined.
    case unpredictable
    /// The manual has it, this CPU does not: the ID registers do not claim it.
    case notImplemented
    /// Not at this exception level, or trapped by a control bit with an unknown-reason syndrome.
    case notAccessible
}
