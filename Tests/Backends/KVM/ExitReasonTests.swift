import KVMBackend
import KVMBridge
import Testing

@Suite struct ExitReasonTests {
    @Test("every KVM_EXIT_ name of the system's header has its case")
    func names() {
        #expect(KVMExitReason(rawValue: UInt32(KVM_EXIT_NOTIFY))?.name.description == "KVM_EXIT_NOTIFY")
        #expect(KVMExitReason(rawValue: UInt32(KVM_EXIT_X86_BUS_LOCK))?.name.description == "KVM_EXIT_X86_BUS_LOCK")
        for number in 0...UInt32(KVM_EXIT_NOTIFY) { #expect(KVMExitReason(rawValue: number) != nil) }
    }
}
