internal import VMMCore

extension RegisterMap where Registers == ARM64Registers {
    /// Source: GDB manual, G.5.1 "AArch64 Features".
    static var architectural: RegisterMap {
        RegisterMap(
            "aarch64", programCounter: "pc", breakpointSize: 1...4,
            [
                ("org.gnu.gdb.aarch64.core", processStateType, core),
                ("org.gnu.gdb.aarch64.fpu", vectorTypes, vectors),
                ("org.swvmm.aarch64.system", "", system),
            ])
    }

    private static var core: [Entry] {
        (0...30).map { number in
            Entry(.init("x\(number)", bits: 64, type: "int")) {
                UInt128($0.x[number])
            } set: { registers, value in
                registers.x[number] = UInt64(truncatingIfNeeded: value)
            }
        } + [
            Entry(.init("sp", bits: 64, type: "data_ptr")) {
                UInt128($0.sp)
            } set: { registers, value in
                let value = UInt64(truncatingIfNeeded: value)
                if registers.pstate & 1 == 0 { registers.sp_el0 = value } else { registers.sp_el1 = value }
            },
            Entry("pc", type: "code_ptr", \.pc),
            Entry("cpsr", bits: 32, type: "cpsr_flags", \.pstate),
        ]
    }

    /// Source: Arm DDI 0487, C5.2.19 "SPSR_EL1".
    private static var processStateType: String {
        RegisterLayout.flags(
            "cpsr_flags", bytes: 4,
            [
                ("SP", 0...0), ("EL", 2...3), ("nRW", 4...4), ("F", 6...6), ("I", 7...7), ("A", 8...8), ("D", 9...9),
                ("IL", 20...20), ("SS", 21...21), ("PAN", 22...22), ("V", 28...28), ("C", 29...29), ("Z", 30...30),
                ("N", 31...31),
            ])
    }

    private static var vectors: [Entry] {
        (0...31).map { number in
            Entry(.init("v\(number)", bits: 128, type: "aarch64v")) {
                $0.v[number]
            } set: {
                $0.v[number] = $1
            }
        } + [
            Entry("fpsr", bits: 32, type: "int", \.fpsr),
            Entry("fpcr", bits: 32, type: "int", \.fpcr),
        ]
    }

    /// A register as its lanes of each size.
    private static var vectorTypes: String {
        let lanes: [(name: String, views: [(suffix: String, type: String)])] = [
            ("d", [("f", "ieee_double"), ("u", "uint64"), ("s", "int64")]),
            ("s", [("f", "ieee_single"), ("u", "uint32"), ("s", "int32")]),
            ("h", [("u", "uint16"), ("s", "int16")]),
            ("b", [("u", "uint8"), ("s", "int8")]),
            ("q", [("u", "uint128"), ("s", "int128")]),
        ]
        let counts = ["d": 2, "s": 4, "h": 8, "b": 16, "q": 1]
        var text: [String] = []
        for lane in lanes {
            for view in lane.views {
                text.append(
                    "<vector id=\"v\(lane.name)_\(view.suffix)\" type=\"\(view.type)\" count=\"\(counts[lane.name] ?? 1)\"/>"
                )
            }
            let fields = lane.views.map { "<field name=\"\($0.suffix)\" type=\"v\(lane.name)_\($0.suffix)\"/>" }
            text.append("<union id=\"v\(lane.name)\">\(fields.joined())</union>")
        }
        let fields = lanes.map { "<field name=\"\($0.name)\" type=\"v\($0.name)\"/>" }
        text.append("<union id=\"aarch64v\">\(fields.joined())</union>")
        return text.joined(separator: "\n")
    }

    private static var system: [Entry] {
        func entry(_ name: String, _ path: any (WritableKeyPath<ARM64Registers, UInt64> & Sendable)) -> Entry {
            Entry(name, type: "uint64", group: "system", path)
        }
        return [
            entry("sctlr_el1", \.sctlr_el1), entry("tcr_el1", \.tcr_el1), entry("ttbr0_el1", \.ttbr0_el1),
            entry("ttbr1_el1", \.ttbr1_el1), entry("mair_el1", \.mair_el1), entry("vbar_el1", \.vbar_el1),
            entry("elr_el1", \.elr_el1), entry("spsr_el1", \.spsr_el1), entry("esr_el1", \.esr_el1),
            entry("far_el1", \.far_el1), entry("cpacr_el1", \.cpacr_el1), entry("sp_el0", \.sp_el0),
            entry("sp_el1", \.sp_el1), entry("tpidr_el0", \.tpidr_el0), entry("tpidrro_el0", \.tpidrro_el0),
            entry("tpidr_el1", \.tpidr_el1),
        ]
    }
}
