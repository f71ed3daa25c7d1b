internal import Synchronization
package import VMMCore

/// A machine whose CPUs are executed by software: Armv8.0-A at EL1 and EL0, with PSCI behind HVC.
///
/// It has no interrupt controller of its own: GICv3 and the generic timer are devices, reached by MMIO exits and through
/// `attach(_:)`, and they drive the lines of each `SoftwareVCPU`. A halted CPU waits inside `run()` for a
/// line or a kick. Threading: any thread.
package final class SoftwareVirtualMachine: VirtualMachine {
    package typealias CPU = SoftwareVCPU
    package typealias Failure = SoftwareCPUError

    package struct Configuration: Sendable {
        /// How many vCPUs the guest is told of, at least 1: `makeVCPU` takes indices below it.
        package var vcpuCount: Int
        /// What CNTVCT_EL0 counts.
        package var clock: any Clock
        /// Hz, of the counter; a device may answer CNTFRQ_EL0 itself.
        package var counterFrequency: UInt64
        /// When the counter was zero, by `clock`.
        package var counterStart: Nanoseconds
        /// ID_AA64PFR0_EL1 tells of GICv3's system registers.
        package var hasGICSystemRegisters: Bool
        /// Who answers HLT #0xF000 at EL1; nil: it is undefined, like any HLT.
        package var semihosting: (any SemihostingHandler)?
        /// Told of the CPUs' work, or nobody is.
        package var tracer: (any CPUTracer)?

        package init(
            vcpuCount: Int = 1, clock: any Clock = HostClock(), counterFrequency: UInt64 = 62_500_000,
            counterStart: Nanoseconds = .zero, hasGICSystemRegisters: Bool = false,
            semihosting: (any SemihostingHandler)? = nil
        ) {
            self.vcpuCount = vcpuCount
            self.clock = clock
            self.counterFrequency = counterFrequency
            self.counterStart = counterStart
            self.hasGICSystemRegisters = hasGICSystemRegisters
            self.semihosting = semihosting
        }
    }

    package static let maximumVCPUs = 64

    private struct State {
        var ram: RAMMap?
        var nextVCPU = 0
    }

    private let configuration: Configuration
    private let group = CPUGroup()
    private let state = Mutex(State())

    package init(configuration: Configuration = Configuration()) throws(SoftwareCPUError) {
        guard (1...Self.maximumVCPUs).contains(configuration.vcpuCount) else {
            throw .tooManyVCPUs(limit: Self.maximumVCPUs)
        }
        self.configuration = configuration
    }

    /// Before the first `makeVCPU`.
    package func map(_ memory: GuestMemory) throws(SoftwareCPUError) {
        let ram = try RAMMap(memory)
        try state.withLock { (state) throws(SoftwareCPUError) in
            guard state.ram == nil else { throw .memoryMappedTwice }
            state.ram = ram
        }
        memory.installCodeObserver(HostWriteWatch(ram, group))
    }

    /// Adds a device that answers for system registers which are no CPU's own: ICC_*, CNT*. They are asked in the order of the
    /// calls. Before the first vCPU runs; the vCPUs may exist, since such devices need their lines.
    package func attach(_ device: any SystemRegisterDevice) { group.attach(device) }

    /// vCPU 0 is on, the others wait inside `run()` for PSCI CPU_ON.
    package func makeVCPU(_ index: VCPUIndex) throws(SoftwareCPUError) -> SoftwareVCPU {
        guard index.rawValue < configuration.vcpuCount else { throw .tooManyVCPUs(limit: configuration.vcpuCount) }
        let ram = try state.withLock { (state) throws(SoftwareCPUError) in
            guard let ram = state.ram else { throw .memoryNotMapped }
            guard index.rawValue == state.nextVCPU else {
                throw .vcpuOutOfOrder(index, expected: VCPUIndex(state.nextVCPU))
            }
            state.nextVCPU += 1
            return ram
        }
        let core = try Core(
            index,
            CoreEnvironment(
                ram: ram, group: group,
                counter: SystemCounter(
                    clock: configuration.clock, start: configuration.counterStart,
                    frequency: configuration.counterFrequency),
                hasGICSystemRegisters: configuration.hasGICSystemRegisters, semihosting: configuration.semihosting,
                tracer: configuration.tracer))
        return SoftwareVCPU(core)
    }
}
