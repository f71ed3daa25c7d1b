internal import VMMCore

// From a payload to a command. Everything here is the other side's word: no trap, nothing that grows.

extension DebugCommand {
    init(_ payload: [UInt8]) {
        guard let first = payload.first else {
            self = .unknown
            return
        }
        let rest = payload.dropFirst()
        self =
            switch first {
            case UInt8(ascii: "?"): .stopReason
            case UInt8(ascii: "g"): .readRegisters
            case UInt8(ascii: "G"): HexText.bytes(rest).map { .writeRegisters($0) } ?? .malformed
            case UInt8(ascii: "p"): Self.registerNumber(rest).map { .readRegister($0) } ?? .malformed
            case UInt8(ascii: "P"): Self.writeRegister(rest)
            case UInt8(ascii: "m"): Self.readMemory(rest)
            case UInt8(ascii: "M"): Self.writeMemory(rest, isBinary: false)
            case UInt8(ascii: "X"): Self.writeMemory(rest, isBinary: true)
            case UInt8(ascii: "Z"): StopPoint(rest).map { .insert($0) } ?? Self.stopPointRefusal(rest)
            case UInt8(ascii: "z"): StopPoint(rest).map { .remove($0) } ?? Self.stopPointRefusal(rest)
            case UInt8(ascii: "H"): Self.select(rest)
            case UInt8(ascii: "T"): ThreadChoice(rest).map { .isAlive($0) } ?? .malformed
            case UInt8(ascii: "c"): Self.resume(.run, rest)
            case UInt8(ascii: "s"): Self.resume(.step, rest)
            case UInt8(ascii: "C"): Self.resumeWithSignal(.run, rest)
            case UInt8(ascii: "S"): Self.resumeWithSignal(.step, rest)
            case UInt8(ascii: "D"): .detach
            case UInt8(ascii: "k"): .kill
            case UInt8(ascii: "v"): Self.multiLetter(rest)
            case UInt8(ascii: "q"), UInt8(ascii: "Q"): Self.query(String(decoding: payload, as: UTF8.self))
            default: .unknown
            }
    }

    // MARK: Registers and memory

    private static func registerNumber(_ text: ArraySlice<UInt8>) -> Int? {
        HexText.number(text).flatMap { Int(exactly: $0) }
    }

    /// `P n=value`
    private static func writeRegister(_ text: ArraySlice<UInt8>) -> DebugCommand {
        let parts = text.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let number = registerNumber(parts[0]), let bytes = HexText.bytes(parts[1]) else {
            return .malformed
        }
        return .writeRegister(number, bytes)
    }

    /// `addr,length`
    private static func range(_ text: ArraySlice<UInt8>) -> (address: UInt64, count: Int)? {
        let parts = text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        guard parts.count == 2, let address = HexText.number(parts[0]),
            let count = HexText.number(parts[1]).flatMap({ Int(exactly: $0) })
        else { return nil }
        return (address, count)
    }

    private static func readMemory(_ text: ArraySlice<UInt8>) -> DebugCommand {
        range(text).map { .readMemory($0.address, count: $0.count) } ?? .malformed
    }

    /// `addr,length:data`
    private static func writeMemory(_ text: ArraySlice<UInt8>, isBinary: Bool) -> DebugCommand {
        let parts = text.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let (address, count) = range(parts[0]),
            let bytes = isBinary ? Array(parts[1]) : HexText.bytes(parts[1]), bytes.count == count
        else { return .malformed }
        return .writeMemory(address, bytes)
    }

    // MARK: Stop points

    /// A type that we do not have is no error: the debugger then does without.
    private static func stopPointRefusal(_ text: ArraySlice<UInt8>) -> DebugCommand {
        guard let type = text.first, (UInt8(ascii: "0")...UInt8(ascii: "4")).contains(type) else { return .unknown }
        return .malformed
    }

    // MARK: Threads

    private static func select(_ text: ArraySlice<UInt8>) -> DebugCommand {
        guard let thread = ThreadChoice(text.dropFirst()) else { return .malformed }
        return switch text.first {
        case UInt8(ascii: "g"): .selectThread(thread)
        case UInt8(ascii: "c"): .selectResumed(thread)
        default: .unknown
        }
    }

    // MARK: Going on

    private static func resume(_ action: ResumeAction, _ address: ArraySlice<UInt8>) -> DebugCommand {
        if address.isEmpty { return .resumeSelected(action, at: nil) }
        return HexText.number(address).map { .resumeSelected(action, at: $0) } ?? .malformed
    }

    /// `C sig;addr`. A machine has no use for a signal.
    private static func resumeWithSignal(_ action: ResumeAction, _ text: ArraySlice<UInt8>) -> DebugCommand {
        let parts = text.split(separator: UInt8(ascii: ";"), maxSplits: 1, omittingEmptySubsequences: false)
        guard let signal = parts.first, HexText.number(signal) != nil else { return .malformed }
        return resume(action, parts.count == 2 ? parts[1] : [])
    }

    private static func multiLetter(_ text: ArraySlice<UInt8>) -> DebugCommand {
        let name = text.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: ":") }
        switch String(decoding: name, as: UTF8.self) {
        case "Cont?": return .resumeActions
        case "Cont": return continuation(text.dropFirst(name.count))
        case "Kill": return .killProcess
        default: return .unknown
        }
    }

    /// `;action:thread;action…`
    private static func continuation(_ text: ArraySlice<UInt8>) -> DebugCommand {
        var resumes: [ThreadResume] = []
        for part in text.split(separator: UInt8(ascii: ";")) {
            let halves = part.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
            let action: ResumeAction
            switch halves[0].first {
            case UInt8(ascii: "c") where halves[0].count == 1: action = .run
            case UInt8(ascii: "s") where halves[0].count == 1: action = .step
            case UInt8(ascii: "t") where halves[0].count == 1: action = .stop
            case UInt8(ascii: "C") where HexText.number(halves[0].dropFirst()) != nil: action = .run
            case UInt8(ascii: "S") where HexText.number(halves[0].dropFirst()) != nil: action = .step
            default: return .malformed
            }
            var thread = ThreadChoice.all
            if halves.count == 2 {
                guard let named = ThreadChoice(halves[1]) else { return .malformed }
                thread = named
            }
            resumes.append(ThreadResume(action: action, thread: thread))
        }
        return resumes.isEmpty ? .malformed : .resume(resumes)
    }

    // MARK: Queries

    private static func query(_ text: String) -> DebugCommand {
        let name = text.prefix { $0 != ":" && $0 != "," }
        let rest = text.dropFirst(name.count + 1)
        switch name {
        case "qSupported": return .supported(rest.split(separator: ";").map { String($0) })
        case "QStartNoAckMode": return .startNoAckMode
        case "qC": return .currentThread
        case "qfThreadInfo": return .firstThreads
        case "qsThreadInfo": return .moreThreads
        case "qThreadExtraInfo": return ThreadChoice(Array(rest.utf8)[...]).map { .threadText($0) } ?? .malformed
        case "qAttached": return .isAttached
        case "qXfer": return transfer(rest)
        case "qRcmd":
            guard let bytes = HexText.bytes(Array(rest.utf8)) else { return .malformed }
            return .monitor(String(decoding: bytes, as: UTF8.self))
        default: return .unknown
        }
    }

    /// `object:read:annex:offset,length`
    private static func transfer(_ text: Substring) -> DebugCommand {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[1] == "read" else { return .unknown }
        guard let window = range(Array(parts[3].utf8)[...]), let offset = Int(exactly: window.address) else {
            return .malformed
        }
        let wanted = Window(offset: offset, count: window.count)
        return switch (parts[0], parts[2]) {
        case ("features", "target.xml"): .readDescription(wanted)
        case ("threads", ""): .readThreads(wanted)
        case ("features", _), ("threads", _): .malformed
        default: .unknown
        }
    }
}

extension ThreadChoice {
    /// `-1`, `0`, `n`, and the same behind `p1.`; `p1` alone means all.
    init?(_ text: ArraySlice<UInt8>) {
        var text = text
        if text.first == UInt8(ascii: "p") {
            let parts = text.dropFirst().split(separator: UInt8(ascii: "."), maxSplits: 1)
            guard let process = parts.first,
                process.elementsEqual("-1".utf8) || HexText.number(process).map({ $0 <= 1 }) == true
            else { return nil }
            guard parts.count == 2 else {
                self = .all
                return
            }
            text = parts[1]
        }
        if text.elementsEqual("-1".utf8) {
            self = .all
        } else if let number = HexText.number(text).flatMap({ Int(exactly: $0) }) {
            self = number == 0 ? .any : .vcpu(VCPUIndex(number - 1))
        } else {
            return nil
        }
    }
}

extension StopPoint {
    /// `type,addr,kind`, and what may follow it for conditions, which we do not take.
    init?(_ text: ArraySlice<UInt8>) {
        let parts = text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].count == 1, let type = parts[0].first, let address = HexText.number(parts[1]),
            let size = HexText.number(parts[2].prefix { $0 != UInt8(ascii: ";") }).flatMap({ Int(exactly: $0) })
        else { return nil }
        switch type {
        case UInt8(ascii: "0"): self.init(.softwareBreakpoint, at: address, size: size)
        case UInt8(ascii: "1"): self.init(.hardwareBreakpoint, at: address, size: size)
        case UInt8(ascii: "2"): self.init(.write, at: address, size: size)
        case UInt8(ascii: "3"): self.init(.read, at: address, size: size)
        case UInt8(ascii: "4"): self.init(.access, at: address, size: size)
        default: return nil
        }
    }
}
