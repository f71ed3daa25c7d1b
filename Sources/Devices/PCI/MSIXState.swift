internal import VMMCore

/// The table of message interrupts of a function, and which of them are pending. Pure.
///
/// A message that may not be sent now is pending, and sent when it may: `takeSendable()` after each change.
/// Source: PCI Local Bus 3.0 §6.8.2.
struct MSIXState: Sendable {
    /// An entry as software sees it, after reset.
    private struct Entry: Sendable {
        var address: UInt64 = 0
        var data: UInt32 = 0
        var isMasked = true
    }

    /// Offsets in an entry of 16 bytes.
    private enum Field: UInt64 {
        case messageAddress = 0
        case messageUpperAddress = 4
        case messageData = 8
        case vectorControl = 12
    }

    static let entrySize: UInt64 = 16
    /// Source: PCI Local Bus 3.0 §6.8.2.3, Table Size.
    static let maximumCount = 2048

    /// From the capability's Message Control and the command register.
    var isEnabled = false
    var isFunctionMasked = false
    var isBusMaster = false
    private var entries: [Entry]
    private var pending: [UInt64]

    init(count: Int) {
        entries = Array(repeating: Entry(), count: count)
        pending = Array(repeating: 0, count: (count + 63) / 64)
    }

    private func maySend(_ vector: Int) -> Bool { isBusMaster && !isFunctionMasked && !entries[vector].isMasked }

    /// The device wants to interrupt. Gives the message to send, or keeps it for later; a vector that is not there is nothing.
    mutating func raise(_ vector: Int) -> MSI? {
        guard isEnabled, entries.indices.contains(vector) else { return nil }
        guard maySend(vector) else {
            pending[vector / 64] |= 1 << UInt64(vector % 64)
            return nil
        }
        return message(vector)
    }

    /// What `raise` would send now; nil: nothing.
    func sendable(_ vector: Int) -> MSI? {
        isEnabled && entries.indices.contains(vector) && maySend(vector) ? message(vector) : nil
    }

    /// The next pending message that may be sent now; it is pending no longer.
    mutating func takeSendable() -> MSI? {
        guard isEnabled, isBusMaster, !isFunctionMasked else { return nil }
        for word in pending.indices {
            var rest = pending[word]
            while rest != 0 {
                let bit = rest.trailingZeroBitCount
                rest &= rest - 1
                guard maySend(word * 64 + bit) else { continue }
                pending[word] &= ~(1 << UInt64(bit))
                return message(word * 64 + bit)
            }
        }
        return nil
    }

    private func message(_ vector: Int) -> MSI {
        MSI(address: GuestAddress(entries[vector].address), data: entries[vector].data)
    }

    mutating func forgetPending() { for word in pending.indices { pending[word] = 0 } }

    // MARK: Registers

    /// 32 bits of the table, at a multiple of 4. Behind its end: zero.
    func tableWord(at offset: UInt64) -> UInt32 {
        guard let (index, field) = place(of: offset) else { return 0 }
        switch field {
        case .messageAddress: return UInt32(truncatingIfNeeded: entries[index].address)
        case .messageUpperAddress: return UInt32(truncatingIfNeeded: entries[index].address >> 32)
        case .messageData: return entries[index].data
        case .vectorControl: return entries[index].isMasked ? 1 : 0
        }
    }

    mutating func setTableWord(_ value: UInt32, at offset: UInt64) {
        guard let (index, field) = place(of: offset) else { return }
        switch field {
        // Bits 1:0 are zero: a message is an aligned word.
        case .messageAddress: entries[index].address[0...31] = UInt64(value & ~3)
        case .messageUpperAddress: entries[index].address[32...63] = UInt64(value)
        case .messageData: entries[index].data = value
        case .vectorControl: entries[index].isMasked = value & 1 == 1
        }
    }

    private func place(of offset: UInt64) -> (Int, Field)? {
        let index = offset / Self.entrySize
        guard index < UInt64(entries.count), let field = Field(rawValue: offset % Self.entrySize) else { return nil }
        return (Int(index), field)
    }

    /// 32 pending bits, at a multiple of 4. Behind the end: zero.
    func pendingWord(at offset: UInt64) -> UInt32 {
        guard offset / 8 < UInt64(pending.count) else { return 0 }
        return UInt32(truncatingIfNeeded: pending[Int(offset / 8)] >> (offset % 8 * 8))
    }
}
