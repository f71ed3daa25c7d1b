import KVMBackend
import Testing
import VMMCore

/// The host's KVM, of the host's architecture.
struct KVMUnderTest: Sendable {
    let host: KVMHost
    /// x86: the local APICs are KVM's only interrupt controllers.
    var hasLocalAPICsOnly = false
    var description: String { hasLocalAPICsOnly ? "KVM, local APICs only" : "KVM" }

    /// What opening KVM gave, once for all tests.
    static let attempt: Result<KVMHost, KVMError> = {
        do throws(KVMError) { return .success(try KVMHost()) } catch { return .failure(error) }
    }()
    static var isAvailable: Bool { (try? attempt.get()) != nil }
    static let skipReason: Comment = {
        if case .failure(let error) = attempt { return "no usable /dev/kvm: \(error)" }
        return "/dev/kvm works"
    }()

    static func required() throws -> KVMUnderTest { KVMUnderTest(host: try attempt.get()) }

    /// With all its interrupt controllers and, where it can, with local APICs only.
    static var all: [KVMUnderTest] {
        guard let kvm = try? required() else { return [] }
        guard kvm.host.probe.has(.splitIRQChip) else { return [kvm] }
        return [kvm, KVMUnderTest(host: kvm.host, hasLocalAPICsOnly: true)]
    }

    func makeMachine(vcpuCount: Int) throws -> KVMVirtualMachine {
        try KVMVirtualMachine(
            host: host,
            configuration: .init(
                vcpuCount: vcpuCount, hasTimer8254: false, hasLocalAPICsOnly: hasLocalAPICsOnly))
    }
}
