import Glibc
import KVMBackend
import Testing
import VMMCore

/// What only KVM has, on every architecture.
@Suite(.enabled(if: KVMOfHost.host != nil, "no usable /dev/kvm")) struct KVMTests {
    @Test("the probe lists every capability once, with nothing required missing")
    func probe() throws {
        let probe = try KVMHost.probe()
        #expect(probe.apiVersion == 12)
        #expect(probe.capabilities.map(\.capability) == KVMCapability.allCases)
        #expect(probe.missingRequired == [])
        #expect(probe.maximumVCPUs >= probe.recommendedVCPUs)
    }

    #if arch(x86_64)
        private static let vcpuLimit = 255
    #else
        private static let vcpuLimit = 512
    #endif

    @Test("vCPUs beyond the configuration, or out of order, are refused")
    func vcpuOrder() throws {
        let host = try #require(KVMOfHost.host)
        #expect(throws: KVMError.tooManyVCPUs(limit: min(host.probe.maximumVCPUs, Self.vcpuLimit))) {
            try KVMVirtualMachine(host: host, configuration: .init(vcpuCount: 100_000))
        }
        #expect(throws: KVMError.self) { try KVMVirtualMachine(host: host, configuration: .init(vcpuCount: 0)) }
        let machine = try KVMVirtualMachine(host: host, configuration: .init(vcpuCount: 2))
        #expect(throws: KVMError.vcpuOutOfOrder(VCPUIndex(1), expected: VCPUIndex(0))) {
            try machine.makeVCPU(VCPUIndex(1))
        }
        _ = try machine.makeVCPU(VCPUIndex(0))
        _ = try machine.makeVCPU(VCPUIndex(1))
        #expect(throws: KVMError.tooManyVCPUs(limit: 2)) { try machine.makeVCPU(VCPUIndex(2)) }
    }

    @Test("the dirty log needs memory, and memory is mapped once")
    func memoryOnce() throws {
        let machine = try KVMVirtualMachine(host: try #require(KVMOfHost.host))
        #expect(throws: KVMError.memoryNotMapped) { try machine.startDirtyLog() }
        let memory = try GuestMemory([try #require(GuestRange(start: GuestAddress(0), size: 4096))])
        try machine.map(memory)
        #expect(throws: KVMError.memoryMappedTwice) { try machine.map(memory) }
    }
}

@Suite struct KVMHostErrorTests {
    @Test("a path without a device is .missing, another device .notKVM")
    func paths() {
        #expect(throws: KVMError.missing) { try KVMHost(path: "/nonexistent/kvm") }
        #expect(throws: KVMError.notKVM) { try KVMHost(path: "/dev/null") }
        #expect(throws: KVMError.cannotOpen(errno: EISDIR)) { try KVMHost(path: "/dev") }
    }
}

/// The KVM of this host.
enum KVMOfHost {
    static let host = try? KVMHost()
}
