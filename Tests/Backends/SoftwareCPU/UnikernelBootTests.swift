import GuestKernel
import SoftwareCPU
import Synchronization
import Testing
import VMMCore
import VMMTestSupport

/// The arm64 unikernel, whole, on the software CPU.
@Suite(.serialized) struct UnikernelBootTests {
    @Test("the unikernel boots to its shell, answers and powers off", arguments: [1, 2, 4])
    func boot(cpuCount: Int) throws {
        let guest = try VirtHarness(image: GuestImage.bytes(for: .arm64), cpuCount: cpuCount)
        guest.start()
        let hasPrompt = guest.shows("unikernel> ")
        if hasPrompt {
            guest.console.feed("uptime\npoweroff\n")
            #expect(guest.hasEnded)
        }
        let ends = guest.finish()
        let registers = try guest.vcpus[0].registers()
        #expect(hasPrompt, "the console shows: \(guest.console.outputText) \(registers)")
        #expect(ends.first == .systemEvent(.powerOff))
        #expect(guest.faults.withLock { $0 } == [])
    }
}
