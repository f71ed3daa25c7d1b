import KVMBackend
import Testing
import VMMCore

/// The host's KVM, of the host's architecture.
struct KVMUnderTest: Sendable {
    let host: KVMHost
    let description = "KVM"

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

    func makeMachine(vcpuCount: Int) throws -> KVMVirtualMachine {
        try KVMVirtualMachine(host: host, configuration: .init(vcpuCount: vcpuCount, hasTimer8254: false))
    }
}
