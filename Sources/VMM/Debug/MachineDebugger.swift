internal import Debugger
internal import Synchronization
internal import VMMCore

/// A machine as gdb's session sees it: registers and translations on the vCPUs' own threads, memory by the guest's tables.
///
/// Threading: the debugger's thread, and before the machine starts the one that built it.
final class MachineDebugger<Backend: VirtualMachine>: DebugTarget where Backend.CPU: Debuggable {
    /// Guests translate in pages of at least this size.
    private static var pageSize: UInt64 { 4096 }

    private struct State {
        /// vCPUs that are set to single steps.
        var stepping: Set<VCPUIndex> = []
        var points: Set<StopPoint> = []
        /// Stops that came together with the one that was told; each is told when its vCPU is to go on.
        var pending: [VCPUStop] = []
    }

    private let machine: Machine<Backend>
    private let map: RegisterMap<Backend.CPU.Registers>
    private let machineControl: any MachineControl
    private let tell: @Sendable (TargetEvent) -> Void
    private let state = Mutex(State())

    /// - Parameter tell: gets what happens, on any thread. It must not call back before it returns.
    init(
        _ machine: Machine<Backend>, map: RegisterMap<Backend.CPU.Registers>, control: any MachineControl,
        tell: @escaping @Sendable (TargetEvent) -> Void
    ) {
        self.machine = machine
        self.map = map
        machineControl = control
        self.tell = tell
        machine.setStandstillListener { [weak self] stops in self?.standsStill(stops) }
    }

    var layout: RegisterLayout { map.layout }
    var vcpuCount: Int { machine.vcpus.count }

    // MARK: Stops

    private func standsStill(_ stops: [VCPUStop]) {
        guard let first = stops.first else { return tell(.stopped(VCPUIndex(0), .interrupted)) }
        state.withLock { $0.pending = Array(stops.dropFirst()) }
        tell(.stopped(first.vcpu, StopCause(first.cause)))
    }

    func setStopPoints(_ points: Set<StopPoint>) -> Bool {
        var breakpoints: Set<GuestVirtualAddress> = []
        var watchpoints: [Watchpoint] = []
        for point in points {
            switch point.kind {
            case .softwareBreakpoint, .hardwareBreakpoint: breakpoints.insert(point.address)
            case .write, .read, .access:
                watchpoints.append(
                    Watchpoint(
                        address: point.address, size: UInt64(point.size), isOnReads: point.kind != .write,
                        isOnWrites: point.kind != .read))
            }
        }
        let old = state.withLock { $0.points }
        let wanted = DebugPointSet(breakpoints: breakpoints, watchpoints: watchpoints)
        for vcpu in machine.vcpus.indices {
            let isSet = onVCPU(VCPUIndex(vcpu)) { cpu in (try? cpu.setDebugPoints(wanted)) ?? false } ?? false
            guard isSet else {
                // All vCPUs have the same points, or the old ones.
                if vcpu > 0 { _ = setStopPoints(old) }
                return false
            }
        }
        state.withLock { $0.points = points }
        return true
    }

    // MARK: Going on

    func control(_ control: TargetControl) {
        switch control {
        case .resume(let actions): resume(actions)
        case .stop: machine.pause()
        case .reset: machineControl.request(.reset)
        case .powerOff: machineControl.request(.powerOff)
        }
    }

    private func resume(_ actions: [VCPUAction]) {
        func action(of vcpu: VCPUIndex) -> VCPUAction {
            actions.indices.contains(vcpu.rawValue) ? actions[vcpu.rawValue] : .stay
        }
        // A stop of another vCPU that nobody was told of: it would be passed over now.
        let missed = state.withLock { state -> VCPUStop? in
            let points = state.points
            let index = state.pending.firstIndex { stop in
                action(of: stop.vcpu) != .stay && stop.cause.isStillWanted(points)
            }
            return index.map { state.pending.remove(at: $0) }
        }
        if let missed { return tell(.stopped(missed.vcpu, StopCause(missed.cause))) }

        for vcpu in machine.vcpus.indices.map({ VCPUIndex($0) }) where action(of: vcpu) != .stay {
            let steps = action(of: vcpu) == .step
            let isStepping = state.withLock { $0.stepping.contains(vcpu) }
            guard steps != isStepping else { continue }
            _ = onVCPU(vcpu) { cpu in try? cpu.setSingleStep(steps) }
            state.withLock { state in
                if steps { state.stepping.insert(vcpu) } else { state.stepping.remove(vcpu) }
            }
        }
        machine.resume(machine.vcpus.indices.map { VCPUIndex($0) }.filter { action(of: $0) != .stay })
    }

    // MARK: Registers

    func registers(of vcpu: VCPUIndex) -> [UInt128?]? {
        onVCPU(vcpu) { [map] cpu in (try? cpu.registers()).map { map.values(of: $0) } } ?? nil
    }

    func setRegisters(_ values: [Int: UInt128], of vcpu: VCPUIndex) -> Bool {
        onVCPU(vcpu) { [map] cpu in
            guard var registers = try? cpu.registers() else { return false }
            // In the order of their numbers: which stack pointer `sp` is depends on the state before.
            for number in values.keys.sorted() {
                if let value = values[number] { map.set(number, to: value, in: &registers) }
            }
            return (try? cpu.setRegisters(registers)) != nil
        } ?? false
    }

    // MARK: Memory

    func readMemory(at address: GuestVirtualAddress, count: Int, on vcpu: VCPUIndex) -> [UInt8] {
        let memory = machine.memory
        return onVCPU(vcpu) { cpu in
            var bytes: [UInt8] = []
            for piece in Self.pieces(address, count, on: cpu) {
                guard let part = try? memory.copyOut(piece.place, count: piece.count) else { break }
                bytes += part
            }
            return bytes
        } ?? []
    }

    func writeMemory(_ bytes: [UInt8], at address: GuestVirtualAddress, on vcpu: VCPUIndex) -> Bool {
        let memory = machine.memory
        let isWritten =
            onVCPU(vcpu) { cpu in
                let pieces = Self.pieces(address, bytes.count, on: cpu)
                guard pieces.reduce(0, { $0 + $1.count }) == bytes.count,
                    pieces.allSatisfy({ (try? memory.copyOut($0.place, count: $0.count)) != nil })
                else { return false }
                var rest = bytes[...]
                for piece in pieces {
                    try? memory.copyIn(Array(rest.prefix(piece.count)), to: piece.place)
                    rest = rest.dropFirst(piece.count)
                }
                return true
            } ?? false
        // What is decoded of the memory before is to be forgotten: setting the points does that.
        if isWritten { _ = setStopPoints(state.withLock { $0.points }) }
        return isWritten
    }

    private struct Piece {
        let place: GuestAddress
        let count: Int
    }

    /// The physical places of a virtual range, up to the first page that is not mapped.
    private static func pieces(_ address: GuestVirtualAddress, _ count: Int, on cpu: Backend.CPU) -> [Piece] {
        var pieces: [Piece] = []
        var done = 0
        while done < count {
            let (position, overflow) = address.rawValue.addingReportingOverflow(UInt64(done))
            guard !overflow, let place = cpu.translate(GuestVirtualAddress(position)) else { break }
            let size = min(count - done, Int(pageSize - position % pageSize))
            pieces.append(Piece(place: place, count: size))
            done += size
        }
        return pieces
    }

    // MARK: Words

    func describe(_ vcpu: VCPUIndex?) -> String {
        guard let vcpu else {
            let size = machine.memory.size >> 20
            return "\(machine.vcpus.count) vCPUs, \(size) MiB of memory, \(layout.architecture)\n"
        }
        return machine.report(of: vcpu).map { $0 + "\n" } ?? "vCPU \(vcpu.rawValue) cannot be asked\n"
    }

    /// Does something on a vCPU's thread, or here when no thread runs it yet. Nil: the vCPU runs.
    private func onVCPU<Result: Sendable>(
        _ vcpu: VCPUIndex, _ body: @escaping @Sendable (Backend.CPU) -> Result
    ) -> Result? {
        machine.performStanding(on: vcpu, body)
    }
}

extension StopCause {
    fileprivate init(_ cause: VCPUStop.Cause) {
        switch cause {
        case .crashed: self = .crashed
        case .debug(.step, _): self = .step
        case .debug(.breakpoint, let address): self = .breakpoint(address)
        case .debug(.watchpoint(let accessed, _), _): self = .watchpoint(accessed)
        }
    }
}

extension VCPUStop.Cause {
    /// Whether a stop that nobody was told of is still of interest.
    fileprivate func isStillWanted(_ points: Set<StopPoint>) -> Bool {
        switch self {
        case .crashed: true
        case .debug(.step, _): false
        case .debug(.breakpoint, let address): points.contains { $0.isBreakpoint && $0.address == address }
        case .debug(.watchpoint, _): points.contains { !$0.isBreakpoint }
        }
    }
}
