/// Encoding diagrams. Source: DDI 0487 §C4.1, the groups named.
extension VectorEncodings {
    /// "Conversion between floating-point and integer", "... and fixed-point".
    static let floatingPointConversion: [VectorEncoding] = [
        .init("f00111100t100000000000nnnnnddddd", .floatingPointToGeneral(.FCVTNS), .integer),
        .init("f00111100t100001000000nnnnnddddd", .floatingPointToGeneral(.FCVTNU), .integer),
        .init("f00111100t100100000000nnnnnddddd", .floatingPointToGeneral(.FCVTAS), .integer),
        .init("f00111100t100101000000nnnnnddddd", .floatingPointToGeneral(.FCVTAU), .integer),
        .init("f00111100t101000000000nnnnnddddd", .floatingPointToGeneral(.FCVTPS), .integer),
        .init("f00111100t101001000000nnnnnddddd", .floatingPointToGeneral(.FCVTPU), .integer),
        .init("f00111100t110000000000nnnnnddddd", .floatingPointToGeneral(.FCVTMS), .integer),
        .init("f00111100t110001000000nnnnnddddd", .floatingPointToGeneral(.FCVTMU), .integer),
        .init("f00111100t111000000000nnnnnddddd", .floatingPointToGeneral(.FCVTZS), .integer),
        .init("f00111100t111001000000nnnnnddddd", .floatingPointToGeneral(.FCVTZU), .integer),
        .init("f00111100t100010000000nnnnnddddd", .generalToFloatingPoint(.SCVTF), .integer),
        .init("f00111100t100011000000nnnnnddddd", .generalToFloatingPoint(.UCVTF), .integer),
        .init("0001111000100110000000nnnnnddddd", .floatingPointToGeneral(.FMOVtoGeneral), .integer),
        .init("0001111000100111000000nnnnnddddd", .generalToFloatingPoint(.FMOVfromGeneral), .integer),
        .init("1001111001100110000000nnnnnddddd", .floatingPointToGeneral(.FMOVtoGeneral), .integer),
        .init("1001111001100111000000nnnnnddddd", .generalToFloatingPoint(.FMOVfromGeneral), .integer),
        .init("1001111010101110000000nnnnnddddd", .floatingPointToGeneral(.FMOVtopToGeneral), .top),
        .init("1001111010101111000000nnnnnddddd", .generalToFloatingPoint(.FMOVtopFromGeneral), .top),
        .init("f00111100t000010ssssssnnnnnddddd", .generalToFloatingPoint(.SCVTF), .fixed),
        .init("f00111100t000011ssssssnnnnnddddd", .generalToFloatingPoint(.UCVTF), .fixed),
        .init("f00111100t011000ssssssnnnnnddddd", .floatingPointToGeneral(.FCVTZS), .fixed),
        .init("f00111100t011001ssssssnnnnnddddd", .floatingPointToGeneral(.FCVTZU), .fixed),
    ]
}
