internal import VMMCore

// The firmware that HVC reaches. Source: SMCCC 1.1 (Arm DEN 0028), PSCI 1.1 (Arm DEN 0022).

/// Function identifiers; the 64-bit variant has bit 30 set.
enum FirmwareFunction {
    static let smcccVersion: UInt32 = 0x8000_0000
    static let smcccFeatures: UInt32 = 0x8000_0001
    static let version: UInt32 = 0x8400_0000
    static let cpuSuspend: UInt32 = 0x8400_0001
    static let cpuOff: UInt32 = 0x8400_0002
    static let cpuOn: UInt32 = 0x8400_0003
    static let affinityInfo: UInt32 = 0x8400_0004
    static let migrateInfoType: UInt32 = 0x8400_0006
    static let systemOff: UInt32 = 0x8400_0008
    static let systemReset: UInt32 = 0x8400_0009
    static let features: UInt32 = 0x8400_000A
    static let is64Bit: UInt32 = 1 << 30
}

/// Return codes. Source: PSCI 1.1, 5.2.2; SMCCC 1.1, 2.7.
enum FirmwareResult {
    static let success: Int64 = 0
    static let notSupported: Int64 = -1
    static let invalidParameters: Int64 = -2
    static let denied: Int64 = -3
    static let alreadyOn: Int64 = -4
    static let onPending: Int64 = -5
    static let invalidAddress: Int64 = -9
}

extension Core {
    /// Executes the call in x0 to x3; the PC is behind the HVC. True: done, or `pending` holds an exit.
    func callFirmware() -> Bool {
        let s = state
        let function = UInt32(truncatingIfNeeded: s.x(0))
        let is64Bit = function & FirmwareFunction.is64Bit != 0
        // 32-bit calls see 32-bit arguments.
        func argument(_ register: UInt8) -> UInt64 { is64Bit ? s.x(register) : UInt64(s.w(register)) }
        switch function & ~FirmwareFunction.is64Bit {
        case FirmwareFunction.cpuOn: answer(startCPU(argument(1), entry: argument(2), context: argument(3)))
        case FirmwareFunction.affinityInfo: answer(affinityInfo(argument(1), lowestLevel: argument(2)))
        case FirmwareFunction.cpuSuspend:
            // A standby state: as WFI. It wakes with its context.
            if isBudgeted && signals.lines == 0 && !isSingleStepping {
                rest(.untilInterrupt)
            } else if signals.lines == 0 && s.attention == 0 && !isSingleStepping {
                group.leaveGuest(index)
                signals.wait(byInterrupt: true)
                group.enterGuest(index)
            }
            answer(FirmwareResult.success)
        case _ where is64Bit: answer(FirmwareResult.notSupported)
        case FirmwareFunction.smcccVersion, FirmwareFunction.version: answer(0x1_0001)
        case FirmwareFunction.smcccFeatures: answer(FirmwareResult.notSupported)
        case FirmwareFunction.features: answer(features(UInt32(truncatingIfNeeded: s.x(1))))
        case FirmwareFunction.migrateInfoType:
            // 2: no trusted OS that would have to be migrated.
            answer(2)
        case FirmwareFunction.cpuOff:
            power.set(.off)
            s.raiseAttention(Attention.power)
        case FirmwareFunction.systemOff: finalExit = .systemEvent(.powerOff)
        case FirmwareFunction.systemReset: finalExit = .systemEvent(.reset)
        default: answer(FirmwareResult.notSupported)
        }
        if finalExit != nil { s.raiseAttention(Attention.power) }
        return true
    }

    private func answer(_ result: Int64) { state.setX(0, UInt64(bitPattern: result)) }

    private func features(_ function: UInt32) -> Int64 {
        switch function {
        case FirmwareFunction.smcccVersion, FirmwareFunction.version, FirmwareFunction.cpuOff,
            FirmwareFunction.migrateInfoType, FirmwareFunction.systemOff, FirmwareFunction.systemReset,
            FirmwareFunction.features, FirmwareFunction.cpuOn, FirmwareFunction.cpuOn | FirmwareFunction.is64Bit,
            FirmwareFunction.cpuSuspend, FirmwareFunction.cpuSuspend | FirmwareFunction.is64Bit,
            FirmwareFunction.affinityInfo, FirmwareFunction.affinityInfo | FirmwareFunction.is64Bit:
            FirmwareResult.success
        default: FirmwareResult.notSupported
        }
    }

    private func target(_ affinity: UInt64) -> VCPUIndex? {
        (0..<group.count).map { VCPUIndex($0) }.first { IDRegisters.affinity(of: $0) == affinity }
    }

    private func startCPU(_ affinity: UInt64, entry: UInt64, context: UInt64) -> Int64 {
        guard let target = target(affinity), let power = group.power(of: target),
            let signals = group.signals(of: target)
        else { return FirmwareResult.invalidParameters }
        guard ram.place(of: entry) != nil else { return FirmwareResult.invalidAddress }
        switch power.start(entry: entry, context: context) {
        case nil: return FirmwareResult.onPending
        case false: return FirmwareResult.alreadyOn
        case true:
            signals.attend(Attention.power)
            return FirmwareResult.success
        }
    }

    /// 0 on, 1 off, 2 on its way.
    private func affinityInfo(_ affinity: UInt64, lowestLevel: UInt64) -> Int64 {
        guard lowestLevel == 0, let target = target(affinity), let power = group.power(of: target) else {
            return FirmwareResult.invalidParameters
        }
        return switch power.current {
        case .on: 0
        case .off: 1
        case .starting: 2
        }
    }
}
