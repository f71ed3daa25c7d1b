import GuestABI
import SoftwareCPU
import Testing
import VMMCore

@Test("MPIDR_EL1's affinity is what the platform's device tree names the CPU by", arguments: 0..<123)
func affinity(index: Int) {
    #expect(SoftwareVCPU.affinity(of: VCPUIndex(index)) == UInt64(VirtPlatform.affinity(ofCPU: index)))
}
