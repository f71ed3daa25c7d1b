internal import Glibc
internal import Synchronization
package import VMMCore

/// Brings vCPUs out of a guest that does not end: what waits for its next exit gets `.interrupted`, and fails, instead of hanging.
///
/// Keep it as long as the guest.
package final class GuestWatchdog: Sendable {
    /// In seconds: far more than any such guest needs on a slow machine.
    private static let patience = 60

    private let watch = Watch()

    private final class Watch: Sendable {
        let isOver = Atomic<Bool>(false)
    }

    package init(_ cpus: [some VCPU]) {
        let watch = watch
        _ = HostThread {
            let tick: UInt32 = 50_000
            var ticksLeft = Self.patience * 1_000_000 / Int(tick)
            while !watch.isOver.load(ordering: .relaxed) {
                usleep(tick)
                ticksLeft -= 1
                if ticksLeft < 0 { for cpu in cpus { cpu.kick() } }
            }
        }
    }

    deinit { watch.isOver.store(true, ordering: .relaxed) }
}
