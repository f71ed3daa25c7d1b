/// Encoding diagrams. Source: DDI 0487 §C4.1, the groups named.
extension VectorEncodings {
    /// "Cryptographic AES", "Cryptographic three-register SHA", "Cryptographic two-register SHA".
    static let cryptographic: [VectorEncoding] = [
        .init("0100111000101000010010nnnnnddddd", .aes(.AESE), .whole),
        .init("0100111000101000010110nnnnnddddd", .aes(.AESD), .whole),
        .init("0100111000101000011010nnnnnddddd", .aes(.AESMC), .whole),
        .init("0100111000101000011110nnnnnddddd", .aes(.AESIMC), .whole),
        .init("01011110000mmmmm000000nnnnnddddd", .sha(.SHA1C), .whole),
        .init("01011110000mmmmm000100nnnnnddddd", .sha(.SHA1P), .whole),
        .init("01011110000mmmmm001000nnnnnddddd", .sha(.SHA1M), .whole),
        .init("01011110000mmmmm001100nnnnnddddd", .sha(.SHA1SU0), .whole),
        .init("01011110000mmmmm010000nnnnnddddd", .sha(.SHA256H), .whole),
        .init("01011110000mmmmm010100nnnnnddddd", .sha(.SHA256H2), .whole),
        .init("01011110000mmmmm011000nnnnnddddd", .sha(.SHA256SU1), .whole),
        .init("0101111000101000000010nnnnnddddd", .sha(.SHA1H), .whole),
        .init("0101111000101000000110nnnnnddddd", .sha(.SHA1SU1), .whole),
        .init("0101111000101000001010nnnnnddddd", .sha(.SHA256SU0), .whole),
    ]
}
