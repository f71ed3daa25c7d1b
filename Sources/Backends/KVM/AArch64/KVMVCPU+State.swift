#if arch(arm64)
    internal import KVMBridge
    internal import VMMCore

    // A vCPU's whole state, as KVM lists it. SAFETY, for this file: buffers given to the bridge are as large as their registers, and live
    // through the calls; the caller is the one thread that runs this vCPU, or nobody does.

    /// All that a vCPU is, for another one with the same features.
    package struct KVMVCPUState: Hashable, Sendable {
        struct Register: Hashable, Sendable {
            let identifier: KVMRegisterIdentifier
            let value: [UInt8]
        }

        /// In KVM's order.
        var registers: [Register]
        /// KVM_GET_MP_STATE: whether it runs, or is off.
        var powerState: UInt32
        /// KVM_GET_VCPU_EVENTS: an SError that is pending.
        var events: [UInt8]

        /// The value of a register by its architectural name as assemblers have it, `pc` or `s3_3_c14_c3_2`; nil: it has none, or more than 64 bits.
        package func value(of name: String) -> UInt64? {
            guard let register = registers.first(where: { $0.identifier.words == name }), register.value.count <= 8
            else { return nil }
            return register.value.reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
    }

    extension KVMVCPU {
        /// What registers KVM has for this vCPU.
        package func registerList() throws(KVMError) -> [KVMRegisterIdentifier] {
            let capacity = 2048
            var identifiers = [UInt64](repeating: 0, count: capacity)
            let count = try checked(
                unsafe swvmm_kvm_get_reg_list(descriptor.number, &identifiers, UInt64(capacity)), .getRegisterList)
            return identifiers.prefix(Int(count)).map(KVMRegisterIdentifier.init(rawValue:))
        }

        /// The list against what is used here by name.
        package func checkRegisterList() throws(KVMError) -> KVMRegisterListCheck {
            let general = (0..<ARM64Registers.InlineRegisters.count).map { KVMRegister.x($0) }
            let used = (general + KVMRegister.named().map(\.0)).map {
                (name: KVMRegisterIdentifier(rawValue: $0.identifier).words, identifier: $0.identifier)
            }
            return KVMRegisterListCheck(list: try registerList(), used: used)
        }

        func saveState() throws(KVMError) -> KVMVCPUState {
            try settle()
            var registers: [KVMVCPUState.Register] = []
            for identifier in try registerList() {
                registers.append(.init(identifier: identifier, value: try bytes(of: identifier)))
            }
            var powerState: UInt32 = 0
            try checked(unsafe swvmm_kvm_get_mp_state(descriptor.number, &powerState), .getPowerState)
            var events = [UInt8](repeating: 0, count: MemoryLayout<kvm_vcpu_events>.size)
            try checked(unsafe swvmm_kvm_get_vcpu_events(descriptor.number, &events), .getEvents)
            return KVMVCPUState(registers: registers, powerState: powerState, events: events)
        }

        /// Sets all registers, of a vCPU that has not run. What KVM lets nobody change must be the same.
        func restoreState(_ state: KVMVCPUState) throws(KVMError) {
            for register in state.registers {
                // Settled as the vCPU was made.
                if register.identifier.rawValue == SVEVectorLengths.register {
                    guard try bytes(of: register.identifier) == register.value else {
                        throw .stateOfOtherMachine(register.identifier)
                    }
                    continue
                }
                if let clearing = register.identifier.clearing {
                    let ones = [UInt8](repeating: 0xFF, count: register.value.count)
                    _ = unsafe swvmm_kvm_set_one_reg(descriptor.number, clearing, ones)
                }
                if register.identifier.isClearing { continue }
                let result = unsafe swvmm_kvm_set_one_reg(
                    descriptor.number, register.identifier.rawValue, register.value)
                if result == 0 { continue }
                guard try bytes(of: register.identifier) == register.value else {
                    throw .stateOfOtherMachine(register.identifier)
                }
            }
            try checked(swvmm_kvm_set_mp_state(descriptor.number, state.powerState), .setPowerState)
            try checked(unsafe swvmm_kvm_set_vcpu_events(descriptor.number, state.events), .setEvents)
        }

        private func bytes(of identifier: KVMRegisterIdentifier) throws(KVMError) -> [UInt8] {
            var value = [UInt8](repeating: 0, count: identifier.size)
            try checked(
                unsafe swvmm_kvm_get_one_reg(descriptor.number, identifier.rawValue, &value), .getRegister)
            return value
        }
    }
#endif
