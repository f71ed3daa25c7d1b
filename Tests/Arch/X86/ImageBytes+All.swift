import Boot

extension ImageBytes {
    /// All bytes of tables that are in memory.
    var bytes: [UInt8] { (try? whole()) ?? [] }
}
