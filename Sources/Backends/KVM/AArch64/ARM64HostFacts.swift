package import VMMCore

/// What KVM on an arm64 host gives to guests: values, so that what follows from them can be tested on any host.
package struct ARM64HostFacts: Hashable, Sendable {
    /// What KVM can be a guest's interrupt controller with.
    package enum InterruptController: Hashable, Sendable {
        case gicV3(hasITS: Bool)
        /// The host's is a GICv2, or a later one that says it can be that, too.
        case gicV2
        case none
    }

    package var interruptController: InterruptController
    /// Bits of a guest's physical address that stage 2 can translate.
    package var addressBits: Int
    /// Of one machine.
    package var vcpuLimit: Int
    /// What a vCPU can be given.
    package var features: Set<ARM64Feature>

    package init(
        interruptController: InterruptController, addressBits: Int, vcpuLimit: Int, features: Set<ARM64Feature>
    ) {
        self.interruptController = interruptController
        self.addressBits = addressBits
        self.vcpuLimit = vcpuLimit
        self.features = features
    }

    /// Bits of a guest's physical address that KVM gives where it does not tell, and that the `virt` machine has at most.
    /// Source: Linux api.rst 4.2 "KVM_CREATE_VM".
    package static let usualAddressBits = 40

    /// KVM's own limit (KVM_MAX_VCPUS with GICv3, Linux arch/arm64/include/asm/kvm_host.h).
    package static let architecturalVCPULimit = 512

    /// What KVM_CAP_ARM_VM_IPA_SIZE tells, 0 where it is absent.
    static func addressBits(of probe: KVMProbe) -> Int {
        let limit = Int(probe.value(of: .ipaSize))
        return limit > 0 ? limit : usualAddressBits
    }

    /// Of the machines that are made here, where stage 2 can translate `bits`.
    static func machineAddressBits(ofHost bits: Int) -> Int { min(bits, usualAddressBits) }

    /// What a KVM with these capabilities gives to vCPUs.
    static func features(of probe: KVMProbe) -> Set<ARM64Feature> {
        var features: Set<ARM64Feature> = []
        if probe.has(.pmuV3) { features.insert(.pmu) }
        if probe.has(.sve) { features.insert(.sve) }
        // KVM takes both or neither. Source: Linux api.rst 4.82 "KVM_ARM_VCPU_INIT".
        if probe.has(.addressAuthentication), probe.has(.genericAuthentication) { features.insert(.pauth) }
        if probe.has(.el2) { features.insert(.el2) }
        return features
    }

    /// Of the machines that are made here.
    package var machineAddressBits: Int { Self.machineAddressBits(ofHost: addressBits) }

    // MARK: - Refusals

    package func checkInterruptController() throws(KVMError) {
        switch interruptController {
        case .gicV3(hasITS: true): break
        case .gicV3(hasITS: false): throw .lacksITS
        case .gicV2: throw .lacksGICv3(offersGICv2: true)
        case .none: throw .lacksGICv3(offersGICv2: false)
        }
    }

    package func checkVCPUs(_ count: Int) throws(KVMError) {
        let limit = min(vcpuLimit, Self.architecturalVCPULimit)
        guard (1...limit).contains(count) else { throw .tooManyVCPUs(limit: limit) }
    }

    package func checkMemory(_ regions: [GuestRange]) throws(KVMError) {
        let limit = GuestAddress(1 << UInt64(machineAddressBits))
        for region in regions where region.end > limit {
            throw .memoryBeyondIPA(end: region.end.rawValue, bits: machineAddressBits)
        }
    }

    /// What the CPUs of a machine with `model` have.
    package func features(of model: ARM64CPUModel) throws(KVMError) -> Set<ARM64Feature> {
        let lacking = model.lacking(features)
        guard lacking.isEmpty else { throw .lacksARM64Features(lacking, offered: features) }
        return model.features(of: features)
    }
}
