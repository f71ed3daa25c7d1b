/// ESR_EL1 in words. Source: Arm DDI 0487, D23.2 "ESR_EL1".
package enum ExceptionWords {
    package static func text(esr: UInt64, far: UInt64) -> String {
        let code = esr >> 26 & 0x3F
        let words = name(of: code) + details(code, esr)
        let address = hasAddress(code) ? ", FAR \(hexadecimal(far))" : ""
        return "\(words), ESR \(hexadecimal(esr))\(address)"
    }

    private static func name(of code: UInt64) -> String {
        switch code {
        case 0x00: "undefined instruction"
        case 0x01: "trapped WFI or WFE"
        case 0x07: "trapped floating point or SIMD"
        case 0x0E: "illegal execution state"
        case 0x15: "SVC"
        case 0x18: "trapped MSR, MRS or system instruction"
        case 0x20: "instruction abort from EL0"
        case 0x21: "instruction abort"
        case 0x22: "PC alignment"
        case 0x24: "data abort from EL0"
        case 0x25: "data abort"
        case 0x26: "SP alignment"
        case 0x30, 0x31: "breakpoint"
        case 0x32, 0x33: "software step"
        case 0x34, 0x35: "watchpoint"
        case 0x3C: "BRK"
        default: "exception class \(hexadecimal(code))"
        }
    }

    private static func hasAddress(_ code: UInt64) -> Bool {
        switch code {
        case 0x20, 0x21, 0x22, 0x24, 0x25, 0x34, 0x35: true
        default: false
        }
    }

    private static func details(_ code: UInt64, _ esr: UInt64) -> String {
        switch code {
        case 0x15, 0x3C: " #\(hexadecimal(esr & 0xFFFF))"
        case 0x20, 0x21: ", \(fault(esr & 0x3F))"
        case 0x24, 0x25: " on a \(esr >> 6 & 1 == 1 ? "write" : "read"), \(fault(esr & 0x3F))"
        default: ""
        }
    }

    /// DFSC and IFSC.
    private static func fault(_ status: UInt64) -> String {
        switch status {
        case 0x00...0x03: "address size fault, level \(status & 3)"
        case 0x04...0x07: "translation fault, level \(status & 3)"
        case 0x09...0x0B: "access flag fault, level \(status & 3)"
        case 0x0D...0x0F: "permission fault, level \(status & 3)"
        case 0x10: "external abort"
        case 0x21: "alignment fault"
        default: "status \(hexadecimal(status))"
        }
    }
}

/// Function identifiers of firmware calls. Source: PSCI 1.1 (Arm DEN 0022), 5.1; SMCCC 1.1 (Arm DEN 0028), 7.
enum FirmwareWords {
    static func name(of function: UInt32) -> String {
        let isWide = function & 1 << 30 != 0
        let name: String? =
            switch function & ~(1 << 30) {
            case 0x8000_0000: "SMCCC_VERSION"
            case 0x8000_0001: "SMCCC_ARCH_FEATURES"
            case 0x8400_0000: "PSCI_VERSION"
            case 0x8400_0001: "CPU_SUSPEND"
            case 0x8400_0002: "CPU_OFF"
            case 0x8400_0003: "CPU_ON"
            case 0x8400_0004: "AFFINITY_INFO"
            case 0x8400_0006: "MIGRATE_INFO_TYPE"
            case 0x8400_0008: "SYSTEM_OFF"
            case 0x8400_0009: "SYSTEM_RESET"
            case 0x8400_000A: "PSCI_FEATURES"
            default: nil
            }
        return name.map { isWide ? "\($0)64" : $0 } ?? "function \(hexadecimal(UInt64(function)))"
    }
}
