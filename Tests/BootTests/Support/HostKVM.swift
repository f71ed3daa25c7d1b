internal import Glibc
internal import Testing

/// Whether whole machines can run here.
enum HostKVM {
    private static let refusal: Int32? = {
        // SAFETY: a constant path.
        let descriptor = unsafe open("/dev/kvm", O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return errno }
        close(descriptor)
        return nil
    }()

    static var isAvailable: Bool {
        #if arch(x86_64)
            refusal == nil
        #else
            false
        #endif
    }

    static var reason: Comment { "x86_64 machines need /dev/kvm, and opening it gave errno \(refusal ?? 0)" }
}

extension Trait where Self == ConditionTrait {
    /// The test boots an x86_64 machine.
    static var needsKVM: Self { .enabled(if: HostKVM.isAvailable, HostKVM.reason) }
}
