internal import Disassembly
internal import Synchronization
internal import VMMCore

/// Turns what CPUs and devices do into lines: time since the start, vCPU, kind, what happened.
///
/// Threading: any thread.
final class Tracer: CPUTracer {
    private let kinds: Set<TraceConfiguration.Kind>
    private let range: Range<UInt64>?
    private let file: TraceFile
    private let clock: any Clock
    private let start: Nanoseconds
    private let disassembler = Mutex<Disassembler?>(Disassembler(.arm64))

    let wantsInstructions: Bool

    init(_ configuration: TraceConfiguration, to file: TraceFile, clock: any Clock) {
        kinds = configuration.kinds
        range = configuration.range
        self.file = file
        self.clock = clock
        start = clock.now
        wantsInstructions = kinds.contains(.exec)
    }

    /// Whether CPUs have something to tell.
    var wantsCPUs: Bool { !kinds.isDisjoint(with: [.exec, .exceptions, .psci]) }

    func wants(_ kind: TraceConfiguration.Kind) -> Bool { kinds.contains(kind) }

    private func isInRange(_ address: UInt64) -> Bool { range?.contains(address) ?? true }

    private func write(_ kind: TraceConfiguration.Kind, _ cpu: VCPUIndex, _ text: String) {
        let name = kind.rawValue
        let padding = String(repeating: " ", count: max(0, 10 - name.utf8.count))
        file.line("\((clock.now - start).inSeconds) cpu\(cpu.rawValue) \(name)\(padding) \(text)")
    }

    // MARK: CPUs

    func note(_ event: CPUTraceEvent, on cpu: VCPUIndex, count: UInt64) {
        switch event {
        case .instruction(let pc, let word, let level):
            guard wantsInstructions, isInRange(pc) else { return }
            write(
                .exec, cpu, "#\(count) EL\(level) \(sixteenDigits(pc)) \(eightDigits(word)) \(text(of: word, at: pc))")
        case .exception(let kind, let pc, let vector, let esr, let far, let level):
            guard wants(.exceptions), isInRange(pc) else { return }
            let what =
                switch kind {
                case .irq: "IRQ"
                case .fiq: "FIQ"
                case .synchronous: ExceptionWords.text(esr: esr, far: far)
                }
            write(
                .exceptions, cpu,
                "#\(count) taken from EL\(level) at \(hexadecimal(pc)) to \(hexadecimal(vector)): \(what)")
        case .exceptionReturn(let pc, let level):
            guard wants(.exceptions), isInRange(pc) else { return }
            write(.exceptions, cpu, "#\(count) return to EL\(level) at \(hexadecimal(pc))")
        case .firmwareCall(let pc, let function, let arguments, let result):
            guard wants(.psci), isInRange(pc) else { return }
            let name = FirmwareWords.name(of: function)
            let values = [arguments.x1, arguments.x2, arguments.x3].map { hexadecimal($0) }.joined(separator: ", ")
            let signed = Int64(bitPattern: result)
            // A call that does not come back leaves the function's number.
            let answer =
                UInt32(truncatingIfNeeded: result) == function
                ? "" : " = \(signed < 0 ? "\(signed)" : hexadecimal(result))"
            write(.psci, cpu, "#\(count) at \(hexadecimal(pc)): \(name)(\(values))\(answer)")
        }
    }

    private func text(of word: UInt32, at pc: UInt64) -> String {
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32($0 * 8)) }
        return disassembler.withLock { disassembler in
            disassembler?.disassemble(bytes, at: pc, limit: 1).first?.text
        } ?? "(no instruction that the disassembler knows)"
    }

    // MARK: Devices

    func access(
        _ cpu: VCPUIndex, isWrite: Bool, at address: UInt64, _ width: AccessWidth, value: UInt64, device: String,
        isPort: Bool = false
    ) {
        guard wants(.mmio), isInRange(address) else { return }
        write(
            .mmio, cpu,
            "\(isWrite ? "write" : "read ") \(width.bits)-bit \(isPort ? "port " : "")\(hexadecimal(address)) \(device) "
                + "\(hexadecimal(value))")
    }

    func interrupt(_ cpu: VCPUIndex, _ text: String) { write(.irq, cpu, text) }

    func timer(_ cpu: VCPUIndex, _ text: String) { write(.timers, cpu, text) }
}

/// A word as eight digits.
private func eightDigits(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
}
