/// Encoding diagrams. Source: DDI 0487 §C4.1, the groups named.
extension VectorEncodings {
    /// "Advanced SIMD across lanes".
    static let acrossLanes: [VectorEncoding] = [
        .init("0q001110zz110000001110nnnnnddddd", .acrossLanes(.SADDLV), .across),
        .init("0q101110zz110000001110nnnnnddddd", .acrossLanes(.UADDLV), .across),
        .init("0q001110zz110000101010nnnnnddddd", .acrossLanes(.SMAXV), .across),
        .init("0q101110zz110000101010nnnnnddddd", .acrossLanes(.UMAXV), .across),
        .init("0q001110zz110001101010nnnnnddddd", .acrossLanes(.SMINV), .across),
        .init("0q101110zz110001101010nnnnnddddd", .acrossLanes(.UMINV), .across),
        .init("0q001110zz110001101110nnnnnddddd", .acrossLanes(.ADDV), .across),
        .init("0110111000110000110010nnnnnddddd", .acrossLanes(.FMAXNMV), .across),
        .init("0110111010110000110010nnnnnddddd", .acrossLanes(.FMINNMV), .across),
        .init("0110111000110000111110nnnnnddddd", .acrossLanes(.FMAXV), .across),
        .init("0110111010110000111110nnnnnddddd", .acrossLanes(.FMINV), .across),
    ]

    /// "Advanced SIMD scalar pairwise".
    static let scalarPairwise: [VectorEncoding] = [
        .init("011111100z110000110010nnnnnddddd", .acrossLanes(.FMAXNMP), .pairFP),
        .init("011111101z110000110010nnnnnddddd", .acrossLanes(.FMINNMP), .pairFP),
        .init("011111100z110000111110nnnnnddddd", .acrossLanes(.FMAXP), .pairFP),
        .init("011111101z110000111110nnnnnddddd", .acrossLanes(.FMINP), .pairFP),
        .init("011111100z110000110110nnnnnddddd", .acrossLanes(.FADDP), .pairFP),
        .init("0101111011110001101110nnnnnddddd", .acrossLanes(.ADDP), .pairDouble),
    ]
}
