internal import Synchronization

/// Told of each write that the host makes to guest memory (a backend's dirty log sees only the guest's own).
package protocol GuestWriteObserver: AnyObject, Sendable {
    /// Called after the write of `count` (at least 1) bytes, on the writing thread.
    func noteWrite(_ address: GuestAddress, count: UInt64)
}

extension GuestMemory {
    /// Installs the observer of host writes, or removes it with nil. While none is installed a write pays one load.
    ///
    /// A write under way on another thread meanwhile may go unseen: whoever copies memory by the observer's word installs
    /// it while devices and vCPUs are paused.
    package func setWriteObserver(_ observer: (any GuestWriteObserver)?) { writeObserver.setDirtyLog(observer) }

    /// Installs, for good, what drops code that was decoded from bytes which the host overwrites: the software CPU. Only
    /// the first call counts. Call it before devices and vCPUs run.
    package func installCodeObserver(_ observer: any GuestWriteObserver) { writeObserver.installCode(observer) }
}

/// Who is told of host writes: the dirty log, which comes and goes, and the owner of decoded code, which stays.
///
/// A write without either costs a relaxed load; the code's owner is called without a lock.
final class HostWriteObservers: Sendable {
    private final class Box: Sendable {
        let observer: any GuestWriteObserver
        init(_ observer: any GuestWriteObserver) { self.observer = observer }
    }

    private static let dirtyLogBit: UInt8 = 1
    private static let codeBit: UInt8 = 2

    /// Which of the two are installed.
    private let installed = Atomic<UInt8>(0)
    private let dirtyLog = Mutex<(any GuestWriteObserver)?>(nil)
    private let code = AtomicLazyReference<Box>()

    func setDirtyLog(_ new: (any GuestWriteObserver)?) {
        dirtyLog.withLock { $0 = new }
        if new != nil {
            installed.bitwiseOr(Self.dirtyLogBit, ordering: .releasing)
        } else {
            installed.bitwiseAnd(~Self.dirtyLogBit, ordering: .releasing)
        }
    }

    func installCode(_ observer: any GuestWriteObserver) {
        _ = code.storeIfNil(Box(observer))
        installed.bitwiseOr(Self.codeBit, ordering: .releasing)
    }

    @inline(__always)
    func noteWrite(_ address: GuestAddress, count: UInt64) {
        let who = installed.load(ordering: .relaxed)
        guard who != 0, count > 0 else { return }
        tell(who, address, count)
    }

    @inline(never)
    private func tell(_ who: UInt8, _ address: GuestAddress, _ count: UInt64) {
        if who & Self.codeBit != 0 { code.load()?.observer.noteWrite(address, count: count) }
        if who & Self.dirtyLogBit != 0 { dirtyLog.withLock { $0 }?.noteWrite(address, count: count) }
    }
}
