/// Minimum, maximum and comparisons.
extension FP {
    /// An integer that orders two unpacked operands that are not NaN as their values; both zeros are 0.
    @inline(__always) private static func key(_ value: FPUnpacked, _ bits: UInt64, _ format: FPFormat) -> Int64 {
        if value.isZero { return 0 }
        let magnitude = Int64(bitPattern: bits & (format.signBit - 1))
        return value.negative ? -magnitude : magnitude
    }

    /// FPMax().
    package static func max(_ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR) -> UInt64 {
        let x = unpack(a, format, fpcr, &fpsr)
        let y = unpack(b, format, fpcr, &fpsr)
        if let nan = processNaNs(x, y, a, b, format, fpcr, &fpsr) { return nan }
        let takesA = key(x, a, format) > key(y, b, format)
        if takesA ? x.isZero : y.isZero { return format.zero(x.negative && y.negative) }
        return takesA ? a : b
    }

    /// FPMin().
    package static func min(_ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR) -> UInt64 {
        let x = unpack(a, format, fpcr, &fpsr)
        let y = unpack(b, format, fpcr, &fpsr)
        if let nan = processNaNs(x, y, a, b, format, fpcr, &fpsr) { return nan }
        let takesA = key(x, a, format) < key(y, b, format)
        if takesA ? x.isZero : y.isZero { return format.zero(x.negative || y.negative) }
        return takesA ? a : b
    }

    /// FPMaxNum(): a quiet NaN against a number gives the number.
    package static func maxNumber(
        _ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        let (x, y) = replacingQuietNaN(a, b, by: format.infinity(true), format)
        return max(x, y, format, fpcr, &fpsr)
    }

    /// FPMinNum().
    package static func minNumber(
        _ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        let (x, y) = replacingQuietNaN(a, b, by: format.infinity(false), format)
        return min(x, y, format, fpcr, &fpsr)
    }

    private static func replacingQuietNaN(
        _ a: UInt64, _ b: UInt64, by infinity: UInt64, _ format: FPFormat
    ) -> (UInt64, UInt64) {
        let quiet = format.exponentField | format.quietBit
        let aIsQuiet = a & quiet == quiet
        let bIsQuiet = b & quiet == quiet
        if aIsQuiet && !bIsQuiet { return (infinity, b) }
        if bIsQuiet && !aIsQuiet { return (a, infinity) }
        return (a, b)
    }

    /// FPCompare(): NZCV in bits 3:0. `signalling` is FCMPE's: any NaN is an Invalid Operation.
    package static func compare(
        _ a: UInt64, _ b: UInt64, signalling: Bool, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt8 {
        switch order(a, b, signalling: signalling, format, fpcr, &fpsr) {
        case .unordered: 0b0011
        case .equal: 0b0110
        case .less: 0b1000
        case .greater: 0b0010
        }
    }

    enum Order { case less, equal, greater, unordered }

    @inline(__always) static func order(
        _ a: UInt64, _ b: UInt64, signalling: Bool, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> Order {
        let x = unpack(a, format, fpcr, &fpsr)
        let y = unpack(b, format, fpcr, &fpsr)
        if x.isNaN || y.isNaN {
            if signalling || x.kind == .signallingNaN || y.kind == .signallingNaN { fpsr.IOC = true }
            return .unordered
        }
        let left = key(x, a, format)
        let right = key(y, b, format)
        return left == right ? .equal : left < right ? .less : .greater
    }

    /// FPCompareEQ().
    package static func compareEQ(
        _ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> Bool { order(a, b, signalling: false, format, fpcr, &fpsr) == .equal }

    /// FPCompareGE().
    package static func compareGE(
        _ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> Bool {
        let order = order(a, b, signalling: true, format, fpcr, &fpsr)
        return order == .greater || order == .equal
    }

    /// FPCompareGT().
    package static func compareGT(
        _ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> Bool { order(a, b, signalling: true, format, fpcr, &fpsr) == .greater }
}
