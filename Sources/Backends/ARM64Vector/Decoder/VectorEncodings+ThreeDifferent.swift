/// Encoding diagrams. Source: DDI 0487 §C4.1, the groups named.
extension VectorEncodings {
    /// "Advanced SIMD three different".
    static let threeDifferent: [VectorEncoding] = [
        .init("0q001110zz1mmmmm000000nnnnnddddd", .threeDifferent(.SADDL), .long(sizes: 0b0111)),
        .init("0q101110zz1mmmmm000000nnnnnddddd", .threeDifferent(.UADDL), .long(sizes: 0b0111)),
        .init("0q001110zz1mmmmm000100nnnnnddddd", .threeDifferent(.SADDW), .long(sizes: 0b0111)),
        .init("0q101110zz1mmmmm000100nnnnnddddd", .threeDifferent(.UADDW), .long(sizes: 0b0111)),
        .init("0q001110zz1mmmmm001000nnnnnddddd", .threeDifferent(.SSUBL), .long(sizes: 0b0111)),
        .init("0q101110zz1mmmmm001000nnnnnddddd", .threeDifferent(.USUBL), .long(sizes: 0b0111)),
        .init("0q001110zz1mmmmm001100nnnnnddddd", .threeDifferent(.SSUBW), .long(sizes: 0b0111)),
        .init("0q101110zz1mmmmm001100nnnnnddddd", .threeDifferent(.USUBW), .long(sizes: 0b0111)),
        .init("0q001110zz1mmmmm010000nnnnnddddd", .threeDifferent(.ADDHN), .long(sizes: 0b0111)),
        .init("0q101110zz1mmmmm010000nnnnnddddd", .threeDifferent(.RADDHN), .long(sizes: 0b0111)),
        .init("0q001110zz1mmmmm010100nnnnnddddd", .threeDifferent(.SABAL), .long(sizes: 0b0111)),
        .init("0q101110zz1mmmmm010100nnnnnddddd", .threeDifferent(.UABAL), .long(sizes: 0b0111)),
        .init("0q001110zz1mmmmm011000nnnnnddddd", .threeDifferent(.SUBHN), .long(sizes: 0b0111)),
        .init("0q101110zz1mmmmm011000nnnnnddddd", .threeDifferent(.RSUBHN), .long(sizes: 0b0111)),
        .init("0q001110zz1mmmmm011100nnnnnddddd", .threeDifferent(.SABDL), .long(sizes: 0b0111)),
        .init("0q101110zz1mmmmm011100nnnnnddddd", .threeDifferent(.UABDL), .long(sizes: 0b0111)),
        .init("0q001110zz1mmmmm100000nnnnnddddd", .threeDifferent(.SMLAL), .long(sizes: 0b0111)),
        .init("0q101110zz1mmmmm100000nnnnnddddd", .threeDifferent(.UMLAL), .long(sizes: 0b0111)),
        .init("0q001110zz1mmmmm100100nnnnnddddd", .threeDifferent(.SQDMLAL), .long(sizes: 0b0110)),
        .init("0q001110zz1mmmmm101000nnnnnddddd", .threeDifferent(.SMLSL), .long(sizes: 0b0111)),
        .init("0q101110zz1mmmmm101000nnnnnddddd", .threeDifferent(.UMLSL), .long(sizes: 0b0111)),
        .init("0q001110zz1mmmmm101100nnnnnddddd", .threeDifferent(.SQDMLSL), .long(sizes: 0b0110)),
        .init("0q001110zz1mmmmm110000nnnnnddddd", .threeDifferent(.SMULL), .long(sizes: 0b0111)),
        .init("0q101110zz1mmmmm110000nnnnnddddd", .threeDifferent(.UMULL), .long(sizes: 0b0111)),
        .init("0q001110zz1mmmmm110100nnnnnddddd", .threeDifferent(.SQDMULL), .long(sizes: 0b0110)),
        .init("0q001110zz1mmmmm111000nnnnnddddd", .threeDifferent(.PMULL), .long(sizes: 0b1001)),
    ]

    /// "Advanced SIMD scalar three different".
    static let scalarThreeDifferent: [VectorEncoding] = [
        .init("01011110zz1mmmmm100100nnnnnddddd", .threeDifferent(.SQDMLAL), .scalar(sizes: 0b0110)),
        .init("01011110zz1mmmmm101100nnnnnddddd", .threeDifferent(.SQDMLSL), .scalar(sizes: 0b0110)),
        .init("01011110zz1mmmmm110100nnnnnddddd", .threeDifferent(.SQDMULL), .scalar(sizes: 0b0110)),
    ]
}
