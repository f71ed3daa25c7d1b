/// Encoding diagrams. Source: DDI 0487 §C4.1, the groups named.
extension VectorEncodings {
    /// "Advanced SIMD vector x indexed element".
    static let vectorByElement: [VectorEncoding] = [
        .init("0q001111zzlkmmmm0010j0nnnnnddddd", .threeDifferentByElement(.SMLAL), .indexedLong),
        .init("0q001111zzlkmmmm0011j0nnnnnddddd", .threeDifferentByElement(.SQDMLAL), .indexedLong),
        .init("0q001111zzlkmmmm0110j0nnnnnddddd", .threeDifferentByElement(.SMLSL), .indexedLong),
        .init("0q001111zzlkmmmm0111j0nnnnnddddd", .threeDifferentByElement(.SQDMLSL), .indexedLong),
        .init("0q001111zzlkmmmm1010j0nnnnnddddd", .threeDifferentByElement(.SMULL), .indexedLong),
        .init("0q001111zzlkmmmm1011j0nnnnnddddd", .threeDifferentByElement(.SQDMULL), .indexedLong),
        .init("0q101111zzlkmmmm0010j0nnnnnddddd", .threeDifferentByElement(.UMLAL), .indexedLong),
        .init("0q101111zzlkmmmm0110j0nnnnnddddd", .threeDifferentByElement(.UMLSL), .indexedLong),
        .init("0q101111zzlkmmmm1010j0nnnnnddddd", .threeDifferentByElement(.UMULL), .indexedLong),
        .init("0q001111zzlkmmmm1000j0nnnnnddddd", .threeSameByElement(.MUL), .indexed),
        .init("0q001111zzlkmmmm1100j0nnnnnddddd", .threeSameByElement(.SQDMULH), .indexed),
        .init("0q001111zzlkmmmm1101j0nnnnnddddd", .threeSameByElement(.SQRDMULH), .indexed),
        .init("0q101111zzlkmmmm0000j0nnnnnddddd", .threeSameByElement(.MLA), .indexed),
        .init("0q101111zzlkmmmm0100j0nnnnnddddd", .threeSameByElement(.MLS), .indexed),
        .init("0q0011111zlmmmmm0001j0nnnnnddddd", .threeSameFPByElement(.FMLA), .indexedFP),
        .init("0q0011111zlmmmmm0101j0nnnnnddddd", .threeSameFPByElement(.FMLS), .indexedFP),
        .init("0q0011111zlmmmmm1001j0nnnnnddddd", .threeSameFPByElement(.FMUL), .indexedFP),
        .init("0q1011111zlmmmmm1001j0nnnnnddddd", .threeSameFPByElement(.FMULX), .indexedFP),
    ]

    /// "Advanced SIMD scalar x indexed element".
    static let scalarByElement: [VectorEncoding] = [
        .init("01011111zzlkmmmm0011j0nnnnnddddd", .threeDifferentByElement(.SQDMLAL), .indexedScalar),
        .init("01011111zzlkmmmm0111j0nnnnnddddd", .threeDifferentByElement(.SQDMLSL), .indexedScalar),
        .init("01011111zzlkmmmm1011j0nnnnnddddd", .threeDifferentByElement(.SQDMULL), .indexedScalar),
        .init("01011111zzlkmmmm1100j0nnnnnddddd", .threeSameByElement(.SQDMULH), .indexedScalar),
        .init("01011111zzlkmmmm1101j0nnnnnddddd", .threeSameByElement(.SQRDMULH), .indexedScalar),
        .init("010111111zlmmmmm0001j0nnnnnddddd", .threeSameFPByElement(.FMLA), .indexedScalarFP),
        .init("010111111zlmmmmm0101j0nnnnnddddd", .threeSameFPByElement(.FMLS), .indexedScalarFP),
        .init("010111111zlmmmmm1001j0nnnnnddddd", .threeSameFPByElement(.FMUL), .indexedScalarFP),
        .init("011111111zlmmmmm1001j0nnnnnddddd", .threeSameFPByElement(.FMULX), .indexedScalarFP),
    ]
}
