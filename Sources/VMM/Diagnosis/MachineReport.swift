package import VMMCore

/// What swvmm prints when a guest crashed or ran out of time, and on `Ctrl-a i`.
package struct MachineReport: Sendable {
    package struct VCPU: Sendable {
        package let index: VCPUIndex
        /// Rows of registers in their architectural spelling; empty when the backend refused to read them.
        package let registerRows: [[(name: String, value: String)]]
        /// The code around the program counter, as lines; or one line that says why there is none.
        package let code: [String]
        package let exitTotal: UInt64
        /// The last exits, oldest first; equal neighbours are counted.
        package let lastExits: [String]
        /// Nil when the backend refused to read the registers.
        package var situation: CPUSituation?
    }

    package let vcpus: [VCPU]
    /// The last lines of the console, oldest first.
    package let consoleLines: [String]
    /// What devices and back ends have counted.
    package var devices: [DeviceStatistics] = []

    /// The report as text, without a line end at its end.
    package var text: String {
        var lines: [String] = []
        for vcpu in vcpus {
            lines.append("vCPU \(vcpu.index.rawValue) after \(vcpu.exitTotal) exits")
            if vcpu.registerRows.isEmpty { lines.append("  registers could not be read") }
            for row in vcpu.registerRows {
                lines.append("  " + row.map { "\($0.name)=\($0.value)" }.joined(separator: " "))
            }
            lines.append("  code:")
            lines += vcpu.code.map { "    \($0)" }
            if !vcpu.lastExits.isEmpty {
                lines.append("  last exits:")
                lines += vcpu.lastExits.map { "    \($0)" }
            }
        }
        lines += devices.map(\.line)
        if !consoleLines.isEmpty {
            lines.append("last console lines:")
            lines += consoleLines.map { "  | \($0)" }
        }
        return lines.joined(separator: "\n")
    }
}

extension MachineReport.VCPU {
    /// One line an exit; neighbours that went to the same place become one line with their number and the last value,
    /// so that a line of console output does not hide what came before it.
    static func lines(of exits: [VCPUExit]) -> [String] {
        var lines: [String] = []
        var repetitions = 0
        for (position, exit) in exits.enumerated() {
            repetitions += 1
            if position + 1 < exits.count, exits[position + 1].isSamePlace(as: exit) { continue }
            lines.append(repetitions > 1 ? "\(exit.text) (the last of \(repetitions))" : exit.text)
            repetitions = 0
        }
        return lines
    }
}

extension VCPUExit {
    /// True when both are writes to the same register, whatever the value, or equal.
    fileprivate func isSamePlace(as other: VCPUExit) -> Bool {
        switch (self, other) {
        case (.portWrite(let port, let width, _), .portWrite(let otherPort, let otherWidth, _)):
            port == otherPort && width == otherWidth
        case (.mmioWrite(let address, let width, _), .mmioWrite(let otherAddress, let otherWidth, _)):
            address == otherAddress && width == otherWidth
        default: self == other
        }
    }

    /// For reports: `port write 0x220 32-bit value 0x41`.
    package var text: String {
        switch self {
        case .mmioRead(let address, let width): "mmio read \(address) \(width.bits)-bit"
        case .mmioWrite(let address, let width, let value):
            "mmio write \(address) \(width.bits)-bit value \(hexadecimal(value))"
        case .portRead(let port, let width): "port read \(hexadecimal(UInt64(port))) \(width.bits)-bit"
        case .portWrite(let port, let width, let value):
            "port write \(hexadecimal(UInt64(port))) \(width.bits)-bit value \(hexadecimal(UInt64(value)))"
        case .halted: "halt"
        case .interrupted: "kick by swvmm"
        case .shutdown: "shutdown (triple fault)"
        case .systemEvent(let event): "system event: \(event)"
        case .debug(let address, _): "debug stop at \(hexadecimal(address.rawValue))"
        case .failure(let failure): failure.text
        case .refusedRegister(let register, nil): "read of unknown MSR \(hexadecimal(UInt64(register.rawValue)))"
        case .refusedRegister(let register, let value?):
            "write of unknown MSR \(hexadecimal(UInt64(register.rawValue))) value \(hexadecimal(value))"
        }
    }
}

extension VCPURunFailure {
    /// For reports and errors.
    package var text: String {
        switch self {
        case .entryRefused(let reason): "the hardware refused to enter the guest, reason \(hexadecimal(reason))"
        case .internalError(let suberror, let instruction):
            "KVM internal error, sub-error \(suberror)\(Self.suberrorName(suberror)), "
                + (instruction.count > 0
                    ? "instruction bytes \(instruction.bytes.map(twoDigits).joined(separator: " "))"
                    : "no instruction bytes")
        case .unhandledExit(let reason): "exit reason \(reason) that swvmm does not handle"
        }
    }

    /// Source: KVM API §5, KVM_EXIT_INTERNAL_ERROR.
    private static func suberrorName(_ suberror: UInt32) -> String {
        switch suberror {
        case 1: " (instruction emulation failed)"
        case 2: " (simultaneous exceptions)"
        case 3: " (delivery of an event failed)"
        case 4: " (unexpected exit reason)"
        default: ""
        }
    }
}

/// `0x` and the digits, without padding.
package func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

/// 16 digits, as registers are printed.
func sixteenDigits(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

/// A byte as two digits.
func twoDigits(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
