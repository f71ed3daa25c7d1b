internal import Synchronization
internal import VMMCore

/// A function's MSI-X structures: the table from the start of the region on, the pending bits in its upper half.
///
/// Aligned accesses of 32 and 64 bits; others read as zero and are ignored. Threading: any thread; messages are sent without
/// a lock held.
/// Source: PCI Local Bus 3.0 §6.8.2.
final class MSIXTable: MMIODevice {
    let count: Int
    let windowSize: UInt64
    /// Whether messages are used instead of the pin. Read with each interrupt: outside the lock.
    private let enabled = Atomic<Bool>(false)
    private let target: any MSITarget
    private let requesterID: UInt32
    private let state: Mutex<MSIXState>
    private let events: MSIXEvents?

    /// - Parameters:
    ///   - count: 1 to 2048.
    ///   - binder: has eventfds send messages; nil: only the device does.
    init(count: Int, target: any MSITarget, requesterID: UInt32, binder: (any EventBinder)?) {
        precondition((1...MSIXState.maximumCount).contains(count))
        self.count = count
        self.target = target
        self.requesterID = requesterID
        events = binder.map { MSIXEvents($0, requesterID: requesterID) }
        var half: UInt64 = PCIRegion.minimumSize / 2
        while half < UInt64(count) * MSIXState.entrySize { half *= 2 }
        windowSize = 2 * half
        state = Mutex(MSIXState(count: count))
    }

    private var pendingOffset: UInt64 { windowSize / 2 }

    /// Message Control's Table Size, Table Offset and PBA Offset, both in region `index`. Source: §6.8.2.3 to §6.8.2.5.
    func capability(region index: Int) -> PCICapability {
        var capability = PCICapability(id: PCICapability.msiX)
        capability.append(UInt16(truncatingIfNeeded: count - 1), writable: Self.controlMask)
        // Offsets are multiples of 8; the three bits below name the region.
        capability.append(UInt32(index))
        capability.append(UInt32(truncatingIfNeeded: pendingOffset) | UInt32(index))
        return capability
    }

    /// Message Control: bit 15 MSI-X Enable, bit 14 Function Mask.
    static let enableBit: UInt16 = 1 << 15
    static let functionMaskBit: UInt16 = 1 << 14
    private static let controlMask = enableBit | functionMaskBit

    var isEnabled: Bool { enabled.load(ordering: .acquiring) }

    /// The device's interrupt `vector`: its message now, or when it may be sent.
    func raise(_ vector: Int) {
        guard let message = state.withLock({ $0.raise(vector) }) else { return }
        target.send(message, from: requesterID)
    }

    /// Takes over Message Control and the command register's Bus Master bit. Call `settle()` afterwards.
    func setControl(_ control: UInt16, isBusMaster: Bool) {
        let isEnabled = control & Self.enableBit != 0
        state.withLock { state in
            state.isEnabled = isEnabled
            state.isFunctionMasked = control & Self.functionMaskBit != 0
            state.isBusMaster = isBusMaster
            enabled.store(isEnabled, ordering: .releasing)
        }
    }

    /// Brings messages to where they belong, after each change of what may be sent: eventfds are bound to theirs, or not any more, and
    /// those that were pending are sent.
    func settle() {
        events?.settle(sendable: sendable)
        while let message = state.withLock({ $0.takeSendable() }) { target.send(message, from: requesterID) }
    }

    /// The eventfds whose signals are this table's messages, from here on.
    func setEvents(_ queues: [PCIQueueEvents]) { events?.set(queues, sendable: sendable) }

    private func sendable(_ vector: Int) -> MSI? { state.withLock { $0.sendable(vector) } }

    func forgetPending() { state.withLock { $0.forgetPending() } }

    // MARK: Registers

    func read(at offset: UInt64, width: AccessWidth) -> UInt64 {
        guard Self.isGood(offset, width) else { return 0 }
        return state.withLock { state in
            let low = UInt64(word(at: offset, of: state))
            return width == .word ? low : low | UInt64(word(at: offset &+ 4, of: state)) << 32
        }
    }

    private func word(at offset: UInt64, of state: borrowing MSIXState) -> UInt32 {
        offset < pendingOffset ? state.tableWord(at: offset) : state.pendingWord(at: offset &- pendingOffset)
    }

    /// Pending bits are read-only.
    func write(_ value: UInt64, at offset: UInt64, width: AccessWidth) {
        guard Self.isGood(offset, width), offset < pendingOffset else { return }
        state.withLock { state in
            state.setTableWord(UInt32(truncatingIfNeeded: value), at: offset)
            if width == .doubleword { state.setTableWord(UInt32(truncatingIfNeeded: value >> 32), at: offset &+ 4) }
        }
        settle()
    }

    private static func isGood(_ offset: UInt64, _ width: AccessWidth) -> Bool {
        (width == .word || width == .doubleword) && offset % UInt64(width.bytes) == 0
    }
}
