package import VMMCore

/// One debugger's connection: bytes in, bytes out, and calls of the target between them.
///
/// All-stop: the machine stands still, or it runs. While it runs, only an interrupt is expected of the debugger. Threading:
/// one thread.
package struct DebugSession: Sendable {
    /// What is left to do for the connection's owner.
    package enum Ending: Hashable, Sendable {
        /// The debugger has let go: the guest goes on without it.
        case detached
        /// The debugger ended the machine.
        case killed
    }

    /// What the debugger is to be sent; take it with `takeOutput()`.
    private var output: [UInt8] = []
    private var lastPacket: [UInt8] = []
    private var reader = PacketReader()
    private var usesAcknowledgements = true
    /// The acknowledgement of QStartNoAckMode's answer is the last one.
    private var clientFeatures: Set<String> = []

    var target: any DebugTarget
    /// Why the machine stands still; nil: it runs.
    var stop: (vcpu: VCPUIndex, cause: StopCause)?
    /// Whose registers and memory are meant.
    var selected = VCPUIndex(0)
    /// Whom `c` and `s` mean.
    var resumed = ThreadChoice.all
    var stopPoints: Set<StopPoint> = []
    /// A thread list is being read: the next vCPU to tell.
    var nextListed = 0
    package internal(set) var ending: Ending?

    /// - Parameters:
    ///   - target: stands still.
    ///   - stop: who stopped, and why.
    package init(_ target: any DebugTarget, stoppedAt vcpu: VCPUIndex, _ cause: StopCause) {
        self.target = target
        stop = (vcpu, cause)
        selected = vcpu
    }

    package var isGuestRunning: Bool { stop == nil }

    /// Gives what is to be sent, and forgets it.
    package mutating func takeOutput() -> [UInt8] {
        defer { output = [] }
        return output
    }

    // MARK: What comes in

    package mutating func receive(_ bytes: some Sequence<UInt8>) {
        for byte in bytes {
            guard ending == nil else { return }
            guard let event = reader.take(byte) else { continue }
            switch event {
            case .packet(let payload):
                if usesAcknowledgements { output.append(UInt8(ascii: "+")) }
                answer(DebugCommand(payload))
            case .damagedPacket:
                // Without acknowledgements the transport is reliable, and nobody waits for a repetition.
                if usesAcknowledgements { output.append(UInt8(ascii: "-")) } else { send(.error(.malformed)) }
            case .rejected:
                if usesAcknowledgements { output += lastPacket }
            case .interrupt:
                if stop == nil { target.control(.stop) }
            case .acknowledged: break
            }
        }
    }

    /// The machine stopped or ended.
    package mutating func notice(_ event: TargetEvent) {
        switch event {
        case .stopped(let vcpu, let cause):
            // A stop that nobody waits for: it stood still already.
            guard stop == nil else { return }
            stop = (vcpu, cause)
            selected = vcpu
            send(stopReply)
        case .ended(let exitCode):
            guard stop == nil else { return }
            send(.text("W" + Self.hexadecimal(exitCode)))
        }
    }

    /// The guest has reset: another machine takes the place of the one before, with the same stop points. It has not begun.
    package mutating func replaceTarget(_ new: any DebugTarget) {
        target = new
        _ = new.setStopPoints(stopPoints)
        if selected.rawValue >= new.vcpuCount { selected = VCPUIndex(0) }
    }

    // MARK: What goes out

    enum ErrorNumber: UInt8 {
        case malformed = 1
        /// The machine runs, or the vCPU cannot be asked.
        case noAccess = 2
        /// EFAULT: where no memory is.
        case noMemory = 0x0E
        /// ENOSPC: the stop points are used up.
        case noStopPoint = 0x1C
    }

    enum Reply {
        case ok
        case error(ErrorNumber)
        /// The empty packet: this stub does not have that.
        case unsupported
        case text(String)
        case bytes([UInt8])
    }

    mutating func send(_ reply: Reply) {
        let payload: [UInt8] =
            switch reply {
            case .ok: Array("OK".utf8)
            case .error(let number): Array("E".utf8) + HexText.text([number.rawValue])
            case .unsupported: []
            case .text(let text): Array(text.utf8)
            case .bytes(let bytes): bytes
            }
        lastPacket = Packet.encoded(payload)
        output += lastPacket
    }

    mutating func stopAcknowledging() { usesAcknowledgements = false }

    mutating func noteClient(_ features: [String]) { clientFeatures = Set(features) }

    /// Why the machine stands still. Source: GDB manual, E.3 "Stop Reply Packets".
    var stopReply: Reply {
        guard let (vcpu, cause) = stop else { return .text("OK") }
        var text: String
        switch cause {
        case .interrupted: text = "T02"
        case .crashed: text = "T06"
        case .step: text = "T05"
        case .breakpoint(let address):
            text = "T05"
            let isSoftware = stopPoints.contains { $0.kind == .softwareBreakpoint && $0.address == address }
            let name = isSoftware ? "swbreak" : "hwbreak"
            // Only a debugger that said it knows them may be told.
            if clientFeatures.contains("\(name)+") { text += "\(name):;" }
        case .watchpoint(let address):
            let kind = stopPoints.first { $0.covers(address) }?.kind
            let name =
                switch kind {
                case .read: "rwatch"
                case .access: "awatch"
                default: "watch"
                }
            text = "T05\(name):\(String(address.rawValue, radix: 16));"
        }
        return .text("\(text)thread:\(Self.threadNumber(vcpu));")
    }

    static func threadNumber(_ vcpu: VCPUIndex) -> String { String(vcpu.rawValue + 1, radix: 16) }

    static func hexadecimal(_ byte: UInt8) -> String { String(decoding: HexText.text([byte]), as: UTF8.self) }
}

extension StopPoint {
    fileprivate func covers(_ accessed: GuestVirtualAddress) -> Bool {
        !isBreakpoint && accessed.rawValue >= address.rawValue && accessed.rawValue - address.rawValue < UInt64(size)
    }
}
