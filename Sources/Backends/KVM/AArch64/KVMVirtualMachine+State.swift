#if arch(arm64)
    internal import KVMBridge
    internal import Synchronization
    internal import VMMCore

    // The state of a whole machine but its memory, saved while no vCPU runs and restored into one that was just made.
    // SAFETY, for this file: attributes' values are as large as their group says, and live through the calls.

    /// What KVM keeps of a GICv3, by its registers' places in `VGICRegisters`' order.
    package struct KVMInterruptControllerState: Hashable, Sendable {
        struct Word: Hashable, Sendable {
            let offset: UInt32
            let value: UInt32
        }

        struct Doubleword: Hashable, Sendable {
            let place: UInt32
            let value: UInt64
        }

        struct CPU: Hashable, Sendable {
            var redistributor: [Word]
            /// Of the private interrupts' wires.
            var levels: UInt32
            var interface: [Doubleword]
        }

        var distributor: [Word]
        /// Of the wires of 32 interrupts each, from INTID 32 on.
        var levels: [UInt32]
        var cpus: [CPU]
        var translation: [Doubleword]
        var translationControl: UInt64
    }

    package struct KVMMachineState: Hashable, Sendable {
        package var vcpus: [KVMVCPUState]
        package var interruptController: KVMInterruptControllerState
    }

    extension KVMVirtualMachine {
        /// Saves all that KVM keeps of the machine. The ITS and what LPIs are pending go to the guest's own tables in its memory: save that
        /// behind this.
        ///
        /// - Parameter vcpus: all of them, in order. None runs.
        package func saveState(of vcpus: [KVMVCPU]) throws(KVMError) -> KVMMachineState {
            let states = try vcpus.map { vcpu throws(KVMError) in try vcpu.saveState() }
            return KVMMachineState(vcpus: states, interruptController: try saveInterruptController(vcpus.count))
        }

        /// Makes the machine one that `saveState` has seen, before a vCPU runs: with the same configuration, on a host with the same
        /// features, and with the guest's memory as it was. The timers' counters go on from where they were.
        package func restoreState(_ state: KVMMachineState, to vcpus: [KVMVCPU]) throws(KVMError) {
            guard state.vcpus.count == vcpus.count, state.interruptController.cpus.count == vcpus.count else {
                throw .tooManyVCPUs(limit: vcpus.count)
            }
            try restoreInterruptController(state.interruptController)
            for (vcpu, saved) in zip(vcpus, state.vcpus) { try vcpu.restoreState(saved) }
        }

        private func interruptController() throws(KVMError) -> (gic: Descriptor, its: Descriptor) {
            try completePlatform()
            guard let gic = state.withLock({ $0.gic }), let its = state.withLock({ $0.its }) else {
                throw .refused(.getDeviceAttribute, errno: ENXIO)
            }
            return (gic, its)
        }

        private static var interruptCount: Int { Int(interruptInputCount) + 32 }

        private func saveInterruptController(_ cpuCount: Int) throws(KVMError) -> KVMInterruptControllerState {
            let (gic, its) = try interruptController()
            try control(its, KVM_DEV_ARM_ITS_SAVE_TABLES)
            try control(gic, KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES)
            var saved = KVMInterruptControllerState(
                distributor: [], levels: [], cpus: [], translation: [], translationControl: 0)
            for offset in VGICRegisters.distributor(interruptCount: Self.interruptCount) {
                let value: UInt32 = try attribute(of: gic, .distributor, UInt64(offset))
                saved.distributor.append(.init(offset: offset, value: value))
            }
            for first in stride(from: UInt64(32), to: UInt64(Self.interruptCount), by: 32) {
                saved.levels.append(try attribute(of: gic, .levels, first))
            }
            for index in 0..<cpuCount {
                saved.cpus.append(try saveCPU(gic, Self.registersOf(cpu: index)))
            }
            for place in VGICRegisters.translation {
                saved.translation.append(
                    .init(place: place, value: try attribute(of: its, .translation, UInt64(place))))
            }
            saved.translationControl = try attribute(
                of: its, .translation, UInt64(VGICRegisters.translationControl))
            return saved
        }

        private func saveCPU(_ gic: Descriptor, _ cpu: UInt64) throws(KVMError) -> KVMInterruptControllerState.CPU {
            var saved = KVMInterruptControllerState.CPU(redistributor: [], levels: 0, interface: [])
            for offset in VGICRegisters.redistributor {
                let value: UInt32 = try attribute(of: gic, .redistributor, cpu | UInt64(offset))
                saved.redistributor.append(.init(offset: offset, value: value))
            }
            saved.levels = try attribute(of: gic, .levels, cpu)
            let control: UInt64 = try attribute(of: gic, .cpuInterface, cpu | UInt64(VGICRegisters.control))
            for register in VGICRegisters.cpuInterface(priorityBits: VGICRegisters.priorityBits(ofControl: control)) {
                let value: UInt64 = try attribute(of: gic, .cpuInterface, cpu | UInt64(register))
                saved.interface.append(.init(place: UInt32(register), value: value))
            }
            return saved
        }

        /// In the order that KVM documents: redistributors, the ITS's registers, its tables, what turns it on.
        private func restoreInterruptController(_ saved: KVMInterruptControllerState) throws(KVMError) {
            let (gic, its) = try interruptController()
            try setWords(saved.distributor, of: gic, .distributor, 0)
            for (index, level) in saved.levels.enumerated() {
                try setAttribute(level, of: gic, .levels, UInt64(32 * (index + 1)))
            }
            for (index, cpu) in saved.cpus.enumerated() {
                let place = Self.registersOf(cpu: index)
                try setWords(cpu.redistributor, of: gic, .redistributor, place)
                try setAttribute(cpu.levels, of: gic, .levels, place)
                for register in cpu.interface {
                    try setAttribute(register.value, of: gic, .cpuInterface, place | UInt64(register.place))
                }
            }
            for register in saved.translation {
                try setAttribute(register.value, of: its, .translation, UInt64(register.place))
            }
            try control(its, KVM_DEV_ARM_ITS_RESTORE_TABLES)
            try setAttribute(
                saved.translationControl, of: its, .translation, UInt64(VGICRegisters.translationControl))
        }
    }

    // MARK: - Attributes

    /// A group of attributes.
    private enum Group {
        case distributor, redistributor, cpuInterface, levels, translation

        var number: UInt32 {
            switch self {
            case .distributor: UInt32(KVM_DEV_ARM_VGIC_GRP_DIST_REGS)
            case .redistributor: UInt32(KVM_DEV_ARM_VGIC_GRP_REDIST_REGS)
            case .cpuInterface: UInt32(KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS)
            case .levels: UInt32(KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO)
            case .translation: UInt32(KVM_DEV_ARM_VGIC_GRP_ITS_REGS)
            }
        }
    }

    extension KVMVirtualMachine {
        /// The part of an attribute that names a CPU: its affinity fields in 63:32.
        private static func registersOf(cpu index: Int) -> UInt64 { KVMVCPU.affinity(of: VCPUIndex(index)) << 32 }

        /// An attribute's value, of 32 or 64 bits as its group says.
        private func attribute<Value: FixedWidthInteger & BitwiseCopyable>(
            of device: Descriptor, _ group: Group, _ attribute: UInt64
        ) throws(KVMError) -> Value {
            var value: Value = 0
            try checked(
                unsafe swvmm_kvm_get_device_attr(device.number, group.number, attribute, &value), .getDeviceAttribute)
            return value
        }

        private func setAttribute<Value: FixedWidthInteger & BitwiseCopyable>(
            _ value: Value, of device: Descriptor, _ group: Group, _ attribute: UInt64
        ) throws(KVMError) {
            try setAttribute(of: device, group.number, attribute, value)
        }

        private func setWords(
            _ words: [KVMInterruptControllerState.Word], of device: Descriptor, _ group: Group, _ cpu: UInt64
        ) throws(KVMError) {
            for word in words {
                if let clearing = VGICRegisters.clearing(word.offset) {
                    try setAttribute(UInt32.max, of: device, group, cpu | UInt64(clearing))
                }
                try setAttribute(word.value, of: device, group, cpu | UInt64(word.offset))
            }
        }
    }
#endif
