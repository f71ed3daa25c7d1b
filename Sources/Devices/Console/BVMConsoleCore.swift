internal import VMMCore

/// The protocol that bhyve's console and debug port share, on ports as in memory: the width of an access says what it is.
///
/// A 2-byte read gives a signature for the guest to probe, a 4-byte read the next character of input or all ones, a
/// 4-byte write prints its low byte. There is no interrupt: the guest polls.
///
/// Source: bhyve, consport.c and dbgport.c.
struct BVMConsoleCore: Sendable {
    /// What a read means.
    enum Read {
        case signature
        case character
        /// A byte read: the signature is not there, and a guest that probes bytewise sees an empty bus.
        case nothing
        case fault
    }

    let signature: UInt16
    let channel: any CharacterChannel
    let faults: GuestFaultLog

    static func decodeRead(_ width: AccessWidth) -> Read {
        switch width {
        case .byte: .nothing
        case .halfword: .signature
        case .word: .character
        case .doubleword: .fault
        }
    }

    /// The value of a read, all ones where there is nothing to read.
    func read(width: AccessWidth) -> UInt64 {
        switch Self.decodeRead(width) {
        case .signature:
            return UInt64(signature)
        case .character:
            return channel.read().map(UInt64.init) ?? AccessWidth.word.mask
        case .nothing:
            return width.mask
        case .fault:
            faults.report("bvmconsole: read of \(width.bytes) bytes; 2 give the signature, 4 a character")
            return width.mask
        }
    }

    func write(_ value: UInt64, width: AccessWidth) {
        switch width {
        case .word:
            channel.write(UInt8(truncatingIfNeeded: value))
        case .byte, .halfword, .doubleword:
            faults.report("bvmconsole: write of \(width.bytes) bytes; only 4 write a character")
        }
    }
}
