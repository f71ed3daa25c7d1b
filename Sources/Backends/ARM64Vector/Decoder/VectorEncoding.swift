/// One encoding: the manual's diagram, bit 31 first, as a bit string; what it does; how its fields are read.
///
/// `0` and `1` are fixed, any letter is free. Letters, by the manual's fields: q Q; z size or sz; t ftype; n, m, d, a
/// registers; h immh; b immb; i, j immediates; l, k, j of the indexed forms L, M, H; o op; c cmode or cond; v nzcv; f sf;
/// s scale; x ignored.
package struct VectorEncoding: Sendable {
    package let pattern: StaticString
    package let operation: VectorOperation
    package let layout: Layout
    /// The bits that are fixed, and their values.
    package let mask: UInt32
    package let value: UInt32

    package init(_ pattern: StaticString, _ operation: VectorOperation, _ layout: Layout) {
        self.pattern = pattern
        self.operation = operation
        self.layout = layout
        var mask: UInt32 = 0
        var value: UInt32 = 0
        for character in pattern.description.utf8 {
            mask <<= 1
            value <<= 1
            if character == UInt8(ascii: "0") || character == UInt8(ascii: "1") { mask |= 1 }
            if character == UInt8(ascii: "1") { value |= 1 }
        }
        self.mask = mask
        self.value = value
    }

    /// How arrangement and immediate follow from the word. `sizes` has bit n set where size n is allocated.
    package enum Layout: Sendable {
        // Q and size, bits 23:22.
        case vector(sizes: UInt8), scalar(sizes: UInt8), long(sizes: UInt8), across
        // Q and sz, bit 22: single or double. `convertFP`: half and single, or single and double.
        case vectorFP, scalarFP, convertFP, pairFP
        // Fixed sizes.
        case bytes, words, whole, scalarHalf, scalarSingle, pairDouble
        // immh:immb.
        case shift, shiftLong, shiftScalar
        // H:L:M.
        case indexed, indexedLong, indexedScalar, indexedFP, indexedScalarFP
        // imm5, imm4.
        case duplicate, duplicateScalar, insert, signedMove, unsignedMove
        case extract, table, modified
        // Scalar floating point.
        case threeSource, conditional, immediateFP, integer, top, fixed
    }
}

/// The table, a file per group of the manual.
package enum VectorEncodings {
    package static let all: [VectorEncoding] =
        threeSame + scalarThreeSame + threeDifferent + scalarThreeDifferent + vectorByElement + scalarByElement
        + twoRegMisc + scalarTwoRegMisc + acrossLanes + scalarPairwise + shiftByImmediate + scalarShiftByImmediate
        + copy + permute + modifiedImmediate + cryptographic + floatingPoint + floatingPointConversion
}
