internal import Glibc
internal import KVMBridge
internal import Synchronization
package import VMMCore

/// A machine of the host's KVM, with KVM's own interrupt controllers and timers.
///
/// On x86 those are two 8259s, an I/O APIC with 24 inputs, a local APIC a vCPU and, unless left out, an 8254 at ports
/// 0x40 to 0x43 and 0x61; or the local APICs only (`KVMVirtualMachine+LocalAPICs.swift`); on arm64 a GICv3 and the generic timers, with PSCI 1.x behind HVC. Threading: any thread. The file
/// descriptors close with the last reference.
package final class KVMVirtualMachine: VirtualMachine {
    package typealias CPU = KVMVCPU
    package typealias Failure = KVMError

    package struct Configuration: Hashable, Sendable {
        /// How many vCPUs the guest is told of, at least 1: `makeVCPU` takes indices below it.
        package var vcpuCount: Int { topology.count }
        /// How they are grouped; arm64 ignores it. On x86 consecutive APIC identifiers follow from it (`APICIDLayout`).
        package var topology: CPUTopology
        /// x86: what features the CPUs have.
        package var model = X86CPUModel.host
        /// arm64: what the CPUs have.
        package var arm64Model = ARM64CPUModel.host
        /// x86: KVM's 8254 timer, with the speaker port that goes with it. A machine without leaves its ports to devices, and
        /// is created 1 to 8 ms earlier: its creation waits for a grace period of the kernel.
        package var hasTimer8254: Bool
        /// x86: KVM has the local APICs only, and no 8254. `connect` tells it of the controllers before them.
        package var hasLocalAPICsOnly: Bool
        /// arm64: where the GICv3's register frames are; x86 ignores it.
        package var gicFrames: GICFrames

        package init(
            topology: CPUTopology, hasTimer8254: Bool = true, hasLocalAPICsOnly: Bool = false,
            gicFrames: GICFrames = .virt
        ) {
            self.topology = topology
            self.hasTimer8254 = hasTimer8254 && !hasLocalAPICsOnly
            self.hasLocalAPICsOnly = hasLocalAPICsOnly
            self.gicFrames = gicFrames
        }

        package init(
            vcpuCount: Int = 1, hasTimer8254: Bool = true, hasLocalAPICsOnly: Bool = false, gicFrames: GICFrames = .virt
        ) {
            self.init(
                topology: CPUTopology(count: vcpuCount), hasTimer8254: hasTimer8254,
                hasLocalAPICsOnly: hasLocalAPICsOnly, gicFrames: gicFrames)
        }
    }

    /// The addresses of a GICv3's register frames: the distributor's 64 KiB, 128 KiB of the ITS, and 128 KiB for each vCPU's
    /// redistributor on end.
    package struct GICFrames: Hashable, Sendable {
        package var distributor: GuestAddress
        package var its: GuestAddress
        package var redistributors: GuestAddress

        package init(distributor: GuestAddress, its: GuestAddress, redistributors: GuestAddress) {
            self.distributor = distributor
            self.its = its
            self.redistributors = redistributors
        }

        /// Where QEMU's `virt` machine has them, and swvmm's.
        package static let virt = GICFrames(
            distributor: GuestAddress(0x0800_0000), its: GuestAddress(0x0808_0000),
            redistributors: GuestAddress(0x080A_0000))
    }

    struct State {
        var memory: GuestMemory?
        /// Memory slots: slot `n` holds region `n` of `memory`.
        var slots: [GuestRange] = []
        var nextVCPU = VCPUIndex(0)
        var hasPlatform = false
        #if arch(x86_64)
            /// The controllers before the local APICs, where those are KVM's alone.
            var controllers: OuterControllers?
        #endif
        #if arch(arm64)
            var gic: Descriptor?
            var its: Descriptor?
            var vcpus: [Descriptor] = []
            var isGICInitialized = false
        #endif
    }

    let host: KVMHost
    let configuration: Configuration
    #if arch(x86_64)
        /// What all vCPUs answer to CPUID; where each of them stands comes on top.
        let cpuid: CPUIDTable
    #else
        /// What each vCPU has.
        package let features: Set<ARM64Feature>
    #endif
    let descriptor: Descriptor
    let routes: KVMRoutes
    let state = Mutex(State())

    package init(host: KVMHost, configuration: Configuration = Configuration()) throws(KVMError) {
        let limit = min(host.probe.maximumVCPUs, Self.architecturalVCPULimit)
        guard (1...limit).contains(configuration.vcpuCount) else { throw .tooManyVCPUs(limit: limit) }
        #if arch(x86_64)
            cpuid = try Self.cpuid(of: configuration.model, on: host)
        #else
            let facts = try host.arm64Facts()
            try facts.checkInterruptController()
            features = try facts.features(of: configuration.arm64Model)
        #endif
        self.host = host
        self.configuration = configuration
        descriptor = try Self.emptyMachine(on: host)
        routes = KVMRoutes(
            machine: descriptor, pins: Self.controllerPins(of: configuration), wireCount: Self.wireCount)
        #if arch(arm64)
            try Self.enableSystemSuspend(descriptor, on: host)
        #endif
    }

    private static func emptyMachine(on host: KVMHost) throws(KVMError) -> Descriptor {
        #if arch(arm64)
            if let asked = host.askedMachine.withLock({ $0.take() }) { return asked }
        #endif
        let created = swvmm_kvm_create_vm(host.device.number, machineType(on: host))
        // Another hypervisor holds VT-x or SVM. Source: Linux virt/kvm/kvm_main.c, enabling virtualisation.
        guard created != -EBUSY else { throw .busy }
        return Descriptor(try checked(created, .createVM))
    }

    /// Creates the interrupt controllers and the timer, once: before the first vCPU, interrupt line or event descriptor.
    ///
    /// Not before: a memory slot that is added after them waits for the kernel's grace period that their creation began,
    /// which costs about 8 ms; added before them it costs 50 µs. So map memory first.
    func requirePlatform() throws(KVMError) {
        try state.withLock { (state) throws(KVMError) in
            guard !state.hasPlatform else { return }
            try setUpPlatform(&state)
            state.hasPlatform = true
        }
    }

    /// Gives each region of `memory` a slot. An address that no slot covers leads to an MMIO exit.
    package func map(_ memory: GuestMemory) throws(KVMError) {
        guard state.withLock({ $0.memory == nil }) else { throw .memoryMappedTwice }
        try checkAddresses(of: memory)
        var slots: [GuestRange] = []
        // SAFETY: the mappings live as long as `memory`, which this object keeps; vCPUs keep this object.
        unsafe try memory.forEachHostMapping { (range, host) throws(KVMError) in
            try setSlot(UInt32(slots.count), range, UInt64(UInt(bitPattern: host)), flags: 0)
            slots.append(range)
        }
        state.withLock {
            $0.memory = memory
            $0.slots = slots
        }
    }

    func setSlot(_ slot: UInt32, _ range: GuestRange, _ hostAddress: UInt64, flags: UInt32) throws(KVMError) {
        var region = kvm_userspace_memory_region()
        region.slot = slot
        region.flags = flags
        region.guest_phys_addr = range.start.rawValue
        region.memory_size = range.size
        region.userspace_addr = hostAddress
        // SAFETY: the struct lives through the call.
        try checked(unsafe swvmm_kvm_set_user_memory_region(descriptor.number, &region), .setUserMemoryRegion)
    }

    package func makeVCPU(_ index: VCPUIndex) throws(KVMError) -> KVMVCPU {
        guard index.rawValue < configuration.vcpuCount else { throw .tooManyVCPUs(limit: configuration.vcpuCount) }
        try requirePlatform()
        let isLast = index.rawValue == configuration.vcpuCount - 1
        let expected = state.withLock { state in
            let expected = state.nextVCPU
            if expected == index { state.nextVCPU.rawValue += 1 }
            return expected
        }
        guard expected == index else { throw .vcpuOutOfOrder(index, expected: expected) }
        let vcpu = try KVMVCPU(machine: self, index: index)
        #if arch(arm64)
            state.withLock { $0.vcpus.append(vcpu.descriptor) }
        #endif
        if isLast { try completePlatform() }
        return vcpu
    }

    /// The memory that was mapped, for looking at what the guest executes.
    var memory: GuestMemory? { state.withLock { $0.memory } }
}

// MARK: - Dirty log

extension KVMVirtualMachine: DirtyLogging {
    package func startDirtyLog() throws(KVMError) { try setSlotFlags(UInt32(KVM_MEM_LOG_DIRTY_PAGES)) }

    package func stopDirtyLog() throws(KVMError) { try setSlotFlags(0) }

    private func setSlotFlags(_ flags: UInt32) throws(KVMError) {
        guard let memory else { throw .memoryNotMapped }
        var slot: UInt32 = 0
        // SAFETY: as in `map(_:)`: the same mappings, of which only the flags change.
        unsafe try memory.forEachHostMapping { (range, host) throws(KVMError) in
            try setSlot(slot, range, UInt64(UInt(bitPattern: host)), flags: flags)
            slot += 1
        }
    }

    package func collectDirtyPages() throws(KVMError) -> [GuestAddress] {
        let slots = state.withLock { $0.slots }
        guard !slots.isEmpty else { throw .memoryNotMapped }
        var pages: [GuestAddress] = []
        for (slot, range) in slots.enumerated() {
            // One bit a page, rounded up to 64. Source: api.rst 4.8 "KVM_GET_DIRTY_LOG".
            var bitmap = [UInt64](repeating: 0, count: Int((range.size / 4096 + 63) / 64))
            // SAFETY: the buffer is as large as the slot's bitmap and lives through the call.
            let result = unsafe bitmap.withUnsafeMutableBytes { buffer in
                guard let base = buffer.baseAddress else { return -EINVAL }
                return unsafe swvmm_kvm_get_dirty_log(descriptor.number, UInt32(slot), base)
            }
            try checked(result, .getDirtyLog)
            for (position, word) in bitmap.enumerated() {
                var rest = word
                while rest != 0 {
                    let page = UInt64(position * 64 + rest.trailingZeroBitCount)
                    pages.append(GuestAddress(range.start.rawValue + page * 4096))
                    rest &= rest - 1
                }
            }
        }
        return pages
    }
}
