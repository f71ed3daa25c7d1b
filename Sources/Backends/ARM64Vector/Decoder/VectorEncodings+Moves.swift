/// Encoding diagrams. Source: DDI 0487 §C4.1, the groups named.
extension VectorEncodings {
    /// "Advanced SIMD copy", "Advanced SIMD scalar copy".
    static let copy: [VectorEncoding] = [
        .init("0q001110000iiiii000001nnnnnddddd", .copy(.DUPelement), .duplicate),
        .init("01011110000iiiii000001nnnnnddddd", .copy(.DUPelement), .duplicateScalar),
        .init("0q001110000iiiii000011nnnnnddddd", .DUPgeneral, .duplicate),
        .init("0q001110000iiiii001011nnnnnddddd", .SMOV, .signedMove),
        .init("0q001110000iiiii001111nnnnnddddd", .UMOV, .unsignedMove),
        .init("01001110000iiiii000111nnnnnddddd", .INSgeneral, .insert),
        .init("01101110000iiiii0jjjj1nnnnnddddd", .copy(.INSelement), .insert),
    ]

    /// "Advanced SIMD permute", "Advanced SIMD extract", "Advanced SIMD table lookup".
    static let permute: [VectorEncoding] = [
        .init("0q001110zz0mmmmm000110nnnnnddddd", .permute(.UZP1), .vector(sizes: 0b1111)),
        .init("0q001110zz0mmmmm001010nnnnnddddd", .permute(.TRN1), .vector(sizes: 0b1111)),
        .init("0q001110zz0mmmmm001110nnnnnddddd", .permute(.ZIP1), .vector(sizes: 0b1111)),
        .init("0q001110zz0mmmmm010110nnnnnddddd", .permute(.UZP2), .vector(sizes: 0b1111)),
        .init("0q001110zz0mmmmm011010nnnnnddddd", .permute(.TRN2), .vector(sizes: 0b1111)),
        .init("0q001110zz0mmmmm011110nnnnnddddd", .permute(.ZIP2), .vector(sizes: 0b1111)),
        .init("0q101110000mmmmm0iiii0nnnnnddddd", .permute(.EXT), .extract),
        .init("0q001110000mmmmm0ll000nnnnnddddd", .tableLookup(extends: false), .table),
        .init("0q001110000mmmmm0ll100nnnnnddddd", .tableLookup(extends: true), .table),
    ]

    /// "Advanced SIMD modified immediate".
    static let modifiedImmediate: [VectorEncoding] = [
        .init("0qo0111100000aaa0cc001iiiiiddddd", .modifiedImmediate(.MOVI), .modified),
        .init("0qo0111100000aaa10c001iiiiiddddd", .modifiedImmediate(.MOVI), .modified),
        .init("0qo0111100000aaa110c01iiiiiddddd", .modifiedImmediate(.MOVI), .modified),
        .init("0qo0111100000aaa111c01iiiiiddddd", .modifiedImmediate(.MOVI), .modified),
        .init("0q00111100000aaa0cc101iiiiiddddd", .modifiedImmediate(.ORR), .modified),
        .init("0q10111100000aaa0cc101iiiiiddddd", .modifiedImmediate(.BIC), .modified),
        .init("0q00111100000aaa10c101iiiiiddddd", .modifiedImmediate(.ORR), .modified),
        .init("0q10111100000aaa10c101iiiiiddddd", .modifiedImmediate(.BIC), .modified),
    ]
}
