internal import VMMCore

// A command's answer.

extension DebugSession {
    mutating func answer(_ command: DebugCommand) {
        switch command {
        case .supported(let features):
            noteClient(features)
            send(
                .text(
                    "PacketSize=\(String(Packet.limit, radix: 16));QStartNoAckMode+;vContSupported+;swbreak+;hwbreak+;"
                        + "qXfer:features:read+;qXfer:threads:read+"))
        case .startNoAckMode:
            send(.ok)
            stopAcknowledging()
        case .stopReason: send(stopReply)
        case .isAttached: send(.text("1"))
        case .readRegisters, .writeRegisters, .readRegister, .writeRegister: answerRegisters(command)
        case .readMemory, .writeMemory: answerMemory(command)
        case .insert(let point): insert(point)
        case .remove(let point): replaceStopPoints(stopPoints.subtracting([point]))
        case .selectThread, .selectResumed, .isAlive, .currentThread, .firstThreads, .moreThreads, .threadText,
            .readThreads:
            answerThreads(command)
        case .resumeActions: send(.text("vCont;c;C;s;S;t"))
        case .resume(let resumes): resume(resumes)
        case .resumeSelected(let action, let address): resumeSelected(action, at: address)
        case .detach:
            send(.ok)
            leave(.detached)
        case .kill: leave(.killed)
        case .killProcess:
            send(.ok)
            leave(.killed)
        case .readDescription(let window): send(part(of: target.layout.xml, window))
        case .monitor(let text): monitor(text)
        case .unknown: send(.unsupported)
        case .malformed: send(.error(.malformed))
        }
    }

    // MARK: Registers

    private mutating func answerRegisters(_ command: DebugCommand) {
        let layout = target.layout
        guard stop != nil else { return send(.error(.noAccess)) }
        switch command {
        case .readRegisters:
            guard let values = target.registers(of: selected) else { return send(.error(.noAccess)) }
            var text: [UInt8] = []
            for (register, value) in zip(layout.registers, values) {
                HexText.append(value, bits: register.bits, to: &text)
            }
            send(.bytes(text))
        case .readRegister(let number):
            guard layout.registers.indices.contains(number) else { return send(.error(.malformed)) }
            guard let values = target.registers(of: selected), values.indices.contains(number) else {
                return send(.error(.noAccess))
            }
            var text: [UInt8] = []
            HexText.append(values[number], bits: layout.registers[number].bits, to: &text)
            send(.bytes(text))
        case .writeRegister(let number, let bytes):
            guard layout.registers.indices.contains(number), bytes.count * 8 == layout.registers[number].bits else {
                return send(.error(.malformed))
            }
            let value = HexText.littleEndian(bytes)
            send(target.setRegisters([number: value], of: selected) ? .ok : .error(.noAccess))
        case .writeRegisters(let bytes):
            var values: [Int: UInt128] = [:]
            var rest = bytes[...]
            for (number, register) in layout.registers.enumerated() {
                let size = register.bits / 8
                guard rest.count >= size else { break }
                values[number] = HexText.littleEndian(rest.prefix(size))
                rest = rest.dropFirst(size)
            }
            guard rest.isEmpty else { return send(.error(.malformed)) }
            send(target.setRegisters(values, of: selected) ? .ok : .error(.noAccess))
        default: send(.unsupported)
        }
    }

    // MARK: Memory

    private mutating func answerMemory(_ command: DebugCommand) {
        guard stop != nil else { return send(.error(.noAccess)) }
        switch command {
        case .readMemory(let address, let count):
            // Fewer bytes than asked for are an answer; none are not.
            let wanted = min(count, Packet.limit / 2)
            let bytes = target.readMemory(at: GuestVirtualAddress(address), count: wanted, on: selected)
            send(bytes.isEmpty && wanted > 0 ? .error(.noMemory) : .bytes(HexText.text(bytes)))
        case .writeMemory(let address, let bytes):
            let isWritten =
                bytes.isEmpty || target.writeMemory(bytes, at: GuestVirtualAddress(address), on: selected)
            send(isWritten ? .ok : .error(.noMemory))
        default: send(.unsupported)
        }
    }

    // MARK: Stop points

    private mutating func insert(_ point: StopPoint) {
        let isPossible =
            point.isBreakpoint
            ? target.layout.breakpointSize.contains(point.size)
            : point.size > 0 && !point.address.rawValue.addingReportingOverflow(UInt64(point.size) - 1).overflow
        guard isPossible else { return send(.error(.malformed)) }
        guard stopPoints.count < Self.stopPointLimit || stopPoints.contains(point) else {
            return send(.error(.noStopPoint))
        }
        replaceStopPoints(stopPoints.union([point]))
    }

    /// More than any person sets. A cap, since each costs memory and time at every decode.
    static let stopPointLimit = 1024

    private mutating func replaceStopPoints(_ points: Set<StopPoint>) {
        guard stop != nil else { return send(.error(.noAccess)) }
        guard points == stopPoints || target.setStopPoints(points) else { return send(.error(.noStopPoint)) }
        stopPoints = points
        send(.ok)
    }

    // MARK: Going on

    private mutating func resume(_ resumes: [DebugCommand.ThreadResume]) {
        let current = stop?.vcpu ?? selected
        start(
            (0..<target.vcpuCount).map { index in
                let vcpu = VCPUIndex(index)
                for resume in resumes where resume.thread.includes(vcpu, current: current) {
                    return VCPUAction(resume.action)
                }
                return .stay
            })
    }

    private mutating func resumeSelected(_ action: ResumeAction, at address: UInt64?) {
        guard let (stopped, _) = stop else { return send(.error(.noAccess)) }
        if let address {
            guard target.setRegisters([target.layout.programCounter: UInt128(address)], of: stopped) else {
                return send(.error(.noAccess))
            }
        }
        // A step is the current thread's; the others go on with it, as `c` lets all go on.
        let all = ThreadChoice.all
        switch (action, resumed) {
        case (.step, .all), (.step, .any):
            resume([.init(action: .step, thread: .vcpu(stopped)), .init(action: .run, thread: all)])
        case (_, .vcpu): resume([.init(action: action, thread: resumed)])
        default: resume([.init(action: action, thread: all)])
        }
    }

    private mutating func start(_ actions: [VCPUAction]) {
        guard stop != nil else { return send(.error(.noAccess)) }
        // With nobody to go on, no stop would ever come to end the wait.
        guard actions.contains(where: { $0 != .stay }) else { return send(stopReply) }
        stop = nil
        target.control(.resume(actions))
    }

    /// Takes back everything and lets the guest go on, or ends it.
    private mutating func leave(_ how: Ending) {
        ending = how
        release()
        if how == .killed { target.control(.powerOff) }
    }

    /// The debugger is gone, or goes: no stop point stays, and the guest goes on.
    package mutating func release() {
        if stop == nil {
            // Stop points are changed on vCPUs that stand still: the owner stops them first.
            return
        }
        _ = target.setStopPoints([])
        stopPoints = []
        stop = nil
        target.control(.resume(Array(repeating: .run, count: target.vcpuCount)))
    }

    // MARK: Monitor

    private mutating func monitor(_ text: String) {
        let words = text.split(separator: " ")
        let answer: String
        switch words.first {
        case "info": answer = target.describe(nil)
        case "cpu": answer = target.describe(selected)
        case "reset":
            target.control(.reset)
            answer = "the guest resets when it goes on\n"
        case "quit":
            target.control(.powerOff)
            answer = "the machine ends when it goes on\n"
        case "help", nil:
            answer = "info: the machine; cpu: the selected vCPU; reset: resets the guest; quit: ends the machine\n"
        default: answer = "unknown; there are: info, cpu, reset, quit, help\n"
        }
        send(.bytes(HexText.text(Array(answer.utf8).prefix(Packet.limit / 2))))
    }

    // MARK: Documents

    /// `m` and a part, or `l` and the last part. Source: GDB manual, E.4, "qXfer".
    func part(of document: String, _ window: DebugCommand.Window) -> Reply {
        let bytes = Array(document.utf8)
        guard window.offset < bytes.count else { return .text("l") }
        let rest = bytes[window.offset...]
        let piece = rest.prefix(min(window.count, Packet.limit / 2))
        return .bytes([piece.count < rest.count ? UInt8(ascii: "m") : UInt8(ascii: "l")] + piece)
    }
}

extension VCPUAction {
    init(_ action: ResumeAction) {
        switch action {
        case .run: self = .run
        case .step: self = .step
        case .stop: self = .stay
        }
    }
}

extension ThreadChoice {
    func includes(_ vcpu: VCPUIndex, current: VCPUIndex) -> Bool {
        switch self {
        case .all: true
        case .any: vcpu == current
        case .vcpu(let named): vcpu == named
        }
    }
}
