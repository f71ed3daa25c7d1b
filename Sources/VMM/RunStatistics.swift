package import VMMCore

/// What a session did, counted: for `--stats` and benchmarks. A guest that resets makes several machines; their counts are added.
package struct RunStatistics: Sendable {
    package struct VCPU: Sendable {
        package let index: VCPUIndex
        /// Guest instructions; nil when the backend does not count them.
        package fileprivate(set) var instructions: UInt64?
        /// CPU time of the threads that ran it; nil when it had none of its own.
        package fileprivate(set) var cpuTime: Nanoseconds?
        /// Exits by kind, in the order of `ExitKind.allCases`.
        package fileprivate(set) var exits: [UInt64]

        init(index: VCPUIndex, instructions: UInt64?, cpuTime: Nanoseconds?, trace: ExitTrace) {
            self.index = index
            self.instructions = instructions
            self.cpuTime = cpuTime
            exits = ExitKind.allCases.map { trace.count(of: $0) }
        }

        package var exitTotal: UInt64 { exits.reduce(0, &+) }
    }

    /// In the order of their indices.
    package private(set) var vcpus: [VCPU]
    /// Of each device that counts, in the machine's order.
    package var devices: [DeviceStatistics] = []
    /// Of the devices' host sides, which outlive machines.
    package var backEnds: [DeviceStatistics] = []
    /// From the start of a machine's vCPUs to the end of the last one, of all machines.
    package var runTime = Nanoseconds.zero
    /// Machines run: one, and one more for each reset that was followed.
    package private(set) var bootCount = 1

    init(vcpus: [VCPU]) { self.vcpus = vcpus }

    /// Adds the counts of a machine that came after.
    mutating func add(_ later: RunStatistics) {
        bootCount += later.bootCount
        runTime = runTime + later.runTime
        for (position, vcpu) in later.vcpus.enumerated() where vcpus.indices.contains(position) {
            vcpus[position].instructions = Self.sum(vcpus[position].instructions, vcpu.instructions, &+)
            vcpus[position].cpuTime = Self.sum(vcpus[position].cpuTime, vcpu.cpuTime, +)
            vcpus[position].exits = zip(vcpus[position].exits, vcpu.exits).map { $0 &+ $1 }
        }
        for device in later.devices {
            if let position = devices.firstIndex(where: { $0.name == device.name }) {
                devices[position].add(device)
            } else {
                devices.append(device)
            }
        }
        backEnds = later.backEnds
    }

    private static func sum<Count>(_ one: Count?, _ other: Count?, _ add: (Count, Count) -> Count) -> Count? {
        guard let one, let other else { return one ?? other }
        return add(one, other)
    }
}

extension RunStatistics.VCPU {
    /// Millions of instructions a second of its own CPU time.
    package var mips: UInt64? {
        guard let instructions, let cpuTime, cpuTime.rawValue > 0 else { return nil }
        return UInt64(Double(instructions) * 1000 / Double(cpuTime.rawValue))
    }
}

extension RunStatistics {
    /// For scripts. Times are in nanoseconds; what is unknown is null.
    package var json: JSON {
        .object([
            ("boots", .integer(Int64(clamping: bootCount))),
            ("runTime", .unsigned(runTime.rawValue)),
            (
                "vcpus",
                .array(
                    vcpus.map { vcpu in
                        .object([
                            ("index", .integer(Int64(clamping: vcpu.index.rawValue))),
                            ("instructions", vcpu.instructions.map { .unsigned($0) } ?? .null),
                            ("cpuTime", vcpu.cpuTime.map { .unsigned($0.rawValue) } ?? .null),
                            (
                                "exits",
                                .object(zip(ExitKind.allCases, vcpu.exits).map { ($0.name, .unsigned($1)) })
                            ),
                        ])
                    })
            ),
            ("devices", .array(devices.map(\.json))),
            ("backEnds", .array(backEnds.map(\.json))),
        ])
    }

    /// A table, one row a vCPU; kinds of exits that nobody had are left out. Then a line a device and a back end.
    package var table: String {
        let kinds = ExitKind.allCases.indices.filter { kind in vcpus.contains { $0.exits[kind] > 0 } }
        var rows = [["vCPU", "instructions", "CPU ms", "MIPS"] + kinds.map { ExitKind.allCases[$0].name }]
        for vcpu in vcpus {
            rows.append(
                [
                    String(vcpu.index.rawValue), vcpu.instructions.map { String($0) } ?? "-",
                    vcpu.cpuTime.map { String($0.rawValue / 1_000_000) } ?? "-", vcpu.mips.map { String($0) } ?? "-",
                ] + kinds.map { String(vcpu.exits[$0]) })
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            zip(row, widths).map { String(repeating: " ", count: $1 - $0.count) + $0 }.joined(separator: "  ")
        }
        return (lines + (devices + backEnds).map(\.line)).joined(separator: "\n")
    }
}

extension DeviceStatistics {
    /// For people: `virtio disk0 (virtio-blk): reads 12, bytesRead 6144`. What did not happen is left out.
    var line: String {
        let counted = counters.filter { $0.value > 0 }.map { "\($0.name) \($0.value)" }
        return "\(name) (\(kind)): " + (counted.isEmpty ? "nothing" : counted.joined(separator: ", "))
    }

    fileprivate var json: JSON {
        .object([
            ("name", .string(name)), ("kind", .string(kind)),
            ("counters", .object(counters.map { ($0.name, .unsigned($0.value)) })),
        ])
    }
}
