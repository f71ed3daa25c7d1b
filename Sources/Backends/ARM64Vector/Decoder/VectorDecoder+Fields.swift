extension VectorDecoder {
    /// The arrangement and immediate of a word, or nil where the manual reserves the combination.
    static func fields(
        _ layout: VectorEncoding.Layout, _ operation: VectorOperation, _ word: UInt32
    ) -> (Arrangement, UInt16)? {
        let q = word >> 30 & 1 != 0
        let size = Int(word >> 22 & 3)
        let sizeFP = 2 + size & 1
        switch layout {
        case .vector(let sizes):
            guard sizes >> UInt8(size) & 1 != 0, size < 3 || q else { return nil }
            return (Arrangement(size: size, q: q), 0)
        case .scalar(let sizes):
            guard sizes >> UInt8(size) & 1 != 0 else { return nil }
            return (Arrangement(scalar: size), 0)
        case .long(let sizes):
            guard sizes >> UInt8(size) & 1 != 0 else { return nil }
            return (long(size, q), 0)
        case .across:
            // 8B, 16B, 4H, 8H, 4S.
            if case .acrossLanes(let op) = operation, op.rawValue >= AdvSIMDAcrossLanes.FMAXNMV.rawValue {
                return (Arrangement(size: 2, q: true), 0)
            }
            guard size < 2 || (size == 2 && q) else { return nil }
            return (Arrangement(size: size, q: q), 0)
        case .vectorFP:
            guard sizeFP == 2 || q else { return nil }
            return (Arrangement(size: sizeFP, q: q), 0)
        case .scalarFP: return (Arrangement(scalar: sizeFP), 0)
        case .convertFP: return (long(sizeFP - 1, q), 0)
        case .pairFP: return (Arrangement(size: sizeFP, elements: 2), 0)
        case .bytes: return (Arrangement(size: 0, q: q), 0)
        case .words: return (Arrangement(size: 2, q: q), 0)
        case .whole: return (Arrangement(size: 0, q: true), 0)
        case .scalarHalf: return (Arrangement(scalar: 1), 0)
        case .scalarSingle: return (Arrangement(scalar: 2), 0)
        case .pairDouble: return (Arrangement(size: 3, elements: 2), 0)
        case .shift, .shiftLong, .shiftScalar: return shift(layout, operation, word, q)
        case .indexed, .indexedLong, .indexedScalar, .indexedFP, .indexedScalarFP: return indexed(layout, word, q)
        case .duplicate, .duplicateScalar, .insert, .signedMove, .unsignedMove: return copy(layout, word, q)
        case .extract:
            let index = word >> 11 & 15
            guard q || index < 8 else { return nil }
            return (Arrangement(size: 0, q: q), UInt16(index))
        case .table: return (Arrangement(size: 0, q: q), UInt16(word >> 13 & 3) + 1)
        case .modified:
            let cmode = word >> 12 & 15
            let op = word >> 29 & 1
            guard cmode != 15 || op == 0 || q else { return nil }
            let imm8: UInt32 = (word >> 16 & 7) << 5 | (word >> 5 & 31)
            let immediate: UInt32 = op << 12 | cmode << 8 | imm8
            return (Arrangement(size: 0, q: q), UInt16(immediate))
        case .threeSource: return (Arrangement(scalar: sizeFP), 0)
        case .conditional:
            let condition = word >> 12 & 15
            if operation == .FCSEL { return (Arrangement(scalar: sizeFP), UInt16(condition)) }
            return (Arrangement(scalar: sizeFP), UInt16(condition << 4 | word & 15))
        case .immediateFP: return (Arrangement(scalar: sizeFP), UInt16(word >> 13 & 0xFF))
        case .integer: return (Arrangement(scalar: sizeFP), UInt16((word >> 31) << 7))
        case .top: return (Arrangement(scalar: 3), 128)
        case .fixed:
            let scale = word >> 10 & 63
            guard word >> 31 != 0 || scale >= 32 else { return nil }
            return (Arrangement(scalar: sizeFP), UInt16((word >> 31) << 7 | (64 - scale)))
        }
    }

    /// The shape of a long or narrowing form: 64 bits of narrow elements.
    private static func long(_ size: Int, _ q: Bool) -> Arrangement {
        Arrangement(size: size, elements: 8 >> size, upper: q)
    }

    /// immh's leading one gives the size; immh:immb counts up from it for left shifts, down from twice it for right ones.
    private static func shift(
        _ layout: VectorEncoding.Layout, _ operation: VectorOperation, _ word: UInt32, _ q: Bool
    ) -> (Arrangement, UInt16)? {
        guard case .shiftByImmediate(let op) = operation else { return nil }
        let immediate = Int(word >> 16 & 127)
        let size = 3 - (immediate.leadingZeroBitCount - (Int.bitWidth - 7))
        guard size >= 0 else { return nil }
        let amount = op.isRight ? (16 << size) - immediate : immediate - (8 << size)
        switch layout {
        case .shiftScalar: return (Arrangement(scalar: size), UInt16(amount))
        case .shiftLong: return (long(size, q), UInt16(amount))
        default:
            guard size < 3 || q else { return nil }
            return (Arrangement(size: size, q: q), UInt16(amount))
        }
    }

    private static func indexed(
        _ layout: VectorEncoding.Layout, _ word: UInt32, _ q: Bool
    ) -> (Arrangement, UInt16)? {
        let h = word >> 11 & 1
        let l = word >> 21 & 1
        let m = word >> 20 & 1
        let size = Int(word >> 22 & 3)
        switch layout {
        case .indexedFP, .indexedScalarFP:
            let sizeFP = 2 + size & 1
            guard sizeFP == 2 || l == 0 else { return nil }
            let index = UInt16(sizeFP == 2 ? h << 1 | l : h)
            if layout.isScalarIndexed { return (Arrangement(scalar: sizeFP), index) }
            guard sizeFP == 2 || q else { return nil }
            return (Arrangement(size: sizeFP, q: q), index)
        default:
            guard size == 1 || size == 2 else { return nil }
            let index = UInt16(size == 1 ? h << 2 | l << 1 | m : h << 1 | l)
            if layout.isScalarIndexed { return (Arrangement(scalar: size), index) }
            if case .indexedLong = layout { return (long(size, q), index) }
            return (Arrangement(size: size, q: q), index)
        }
    }

    /// imm5: the lowest one gives the size, the bits above it the index.
    private static func copy(
        _ layout: VectorEncoding.Layout, _ word: UInt32, _ q: Bool
    ) -> (Arrangement, UInt16)? {
        let imm5 = word >> 16 & 31
        let size = imm5.trailingZeroBitCount
        guard size < 4 else { return nil }
        let index = UInt16(imm5 >> UInt32(size + 1))
        switch layout {
        case .duplicateScalar: return (Arrangement(scalar: size), index)
        case .insert: return (Arrangement(size: size, q: true), index | UInt16((word >> 11 & 15) >> UInt32(size)) << 8)
        case .signedMove:
            guard size < (q ? 3 : 2) else { return nil }
            return (Arrangement(size: size, q: true), index | (q ? 128 : 0))
        case .unsignedMove:
            guard q ? size == 3 : size < 3 else { return nil }
            return (Arrangement(size: size, q: true), index)
        default:
            guard size < 3 || q else { return nil }
            return (Arrangement(size: size, q: q), index)
        }
    }
}

extension VectorEncoding.Layout {
    fileprivate var isScalarIndexed: Bool {
        switch self {
        case .indexedScalar, .indexedScalarFP: true
        default: false
        }
    }
}
