/// An operation in 16 bits, so that a micro-op can carry it: the group in bits 15:8, its operation in bits 7:0.
///
/// Every operation has one value; values that no operation has are nil. They are not kept anywhere: their numbers may change.
extension VectorOperation: RawRepresentable {
    package var rawValue: UInt16 {
        switch self {
        case .threeSame(let op): Self.raw(0, op.rawValue)
        case .threeSameFP(let op): Self.raw(1, op.rawValue)
        case .threeDifferent(let op): Self.raw(2, op.rawValue)
        case .threeSameByElement(let op): Self.raw(3, op.rawValue)
        case .threeSameFPByElement(let op): Self.raw(4, op.rawValue)
        case .threeDifferentByElement(let op): Self.raw(5, op.rawValue)
        case .twoRegMisc(let op): Self.raw(6, op.rawValue)
        case .twoRegMiscFP(let op): Self.raw(7, op.rawValue)
        case .acrossLanes(let op): Self.raw(8, op.rawValue)
        case .shiftByImmediate(let op): Self.raw(9, op.rawValue)
        case .copy(let op): Self.raw(10, op.rawValue)
        case .permute(let op): Self.raw(11, op.rawValue)
        case .modifiedImmediate(let op): Self.raw(12, op.rawValue)
        case .aes(let op): Self.raw(13, op.rawValue)
        case .sha(let op): Self.raw(14, op.rawValue)
        case .floatingPoint(let op): Self.raw(15, op.rawValue)
        case .floatingPointImmediate: Self.raw(16, 0)
        case .tableLookup(let extends): Self.raw(17, extends ? 1 : 0)
        case .UMOV: Self.raw(18, 0)
        case .SMOV: Self.raw(19, 0)
        case .floatingPointToGeneral(let op): Self.raw(20, op.rawValue)
        case .DUPgeneral: Self.raw(21, 0)
        case .INSgeneral: Self.raw(22, 0)
        case .generalToFloatingPoint(let op): Self.raw(23, op.rawValue)
        case .floatingPointCompare(let op): Self.raw(24, op.rawValue)
        case .FCSEL: Self.raw(25, 0)
        }
    }

    @inline(__always) private static func raw(_ group: UInt16, _ operation: UInt8) -> UInt16 {
        group << 8 | UInt16(operation)
    }

    package init?(rawValue: UInt16) {
        let low = UInt8(truncatingIfNeeded: rawValue)
        let operation: VectorOperation? =
            switch rawValue >> 8 {
            case 0: AdvSIMDThreeSame(rawValue: low).map(VectorOperation.threeSame)
            case 1: AdvSIMDThreeSameFP(rawValue: low).map(VectorOperation.threeSameFP)
            case 2: AdvSIMDThreeDifferent(rawValue: low).map(VectorOperation.threeDifferent)
            case 3: AdvSIMDThreeSame(rawValue: low).map(VectorOperation.threeSameByElement)
            case 4: AdvSIMDThreeSameFP(rawValue: low).map(VectorOperation.threeSameFPByElement)
            case 5: AdvSIMDThreeDifferent(rawValue: low).map(VectorOperation.threeDifferentByElement)
            case 6: AdvSIMDTwoRegMisc(rawValue: low).map(VectorOperation.twoRegMisc)
            case 7: AdvSIMDTwoRegMiscFP(rawValue: low).map(VectorOperation.twoRegMiscFP)
            case 8: AdvSIMDAcrossLanes(rawValue: low).map(VectorOperation.acrossLanes)
            case 9: AdvSIMDShiftByImmediate(rawValue: low).map(VectorOperation.shiftByImmediate)
            case 10: AdvSIMDCopy(rawValue: low).map(VectorOperation.copy)
            case 11: AdvSIMDPermute(rawValue: low).map(VectorOperation.permute)
            case 12: AdvSIMDModifiedImmediate(rawValue: low).map(VectorOperation.modifiedImmediate)
            case 13: CryptographicAES(rawValue: low).map(VectorOperation.aes)
            case 14: CryptographicSHA(rawValue: low).map(VectorOperation.sha)
            case 15: FloatingPointDataProcessing(rawValue: low).map(VectorOperation.floatingPoint)
            case 16: low == 0 ? .floatingPointImmediate : nil
            case 17: low < 2 ? .tableLookup(extends: low == 1) : nil
            case 18: low == 0 ? .UMOV : nil
            case 19: low == 0 ? .SMOV : nil
            case 20: FloatingPointConversion(rawValue: low).map(VectorOperation.floatingPointToGeneral)
            case 21: low == 0 ? .DUPgeneral : nil
            case 22: low == 0 ? .INSgeneral : nil
            case 23: FloatingPointConversion(rawValue: low).map(VectorOperation.generalToFloatingPoint)
            case 24: FloatingPointCompare(rawValue: low).map(VectorOperation.floatingPointCompare)
            case 25: low == 0 ? .FCSEL : nil
            default: nil
            }
        guard let operation else { return nil }
        self = operation
    }
}

extension VectorInstruction {
    /// The instruction in 64 bits, for a micro-op: operation 15:0, arrangement 23:16, d 28:24, n 33:29, m 38:34, a 43:39,
    /// immediate 59:44.
    package var packed: UInt64 {
        let registers: UInt64 = UInt64(d) | UInt64(n) << 5 | UInt64(m) << 10 | UInt64(a) << 15
        let head: UInt64 = UInt64(operation.rawValue) | UInt64(arrangement.rawValue) << 16
        return head | registers << 24 | UInt64(immediate) << 44
    }

    /// Nil for a value that `packed` does not give.
    package init?(packed: UInt64) {
        guard let operation = VectorOperation(rawValue: UInt16(truncatingIfNeeded: packed)) else { return nil }
        self.operation = operation
        arrangement = Arrangement(rawValue: UInt8(truncatingIfNeeded: packed >> 16))
        d = UInt8(packed >> 24 & 31)
        n = UInt8(packed >> 29 & 31)
        m = UInt8(packed >> 34 & 31)
        a = UInt8(packed >> 39 & 31)
        immediate = UInt16(truncatingIfNeeded: packed >> 44)
    }
}
