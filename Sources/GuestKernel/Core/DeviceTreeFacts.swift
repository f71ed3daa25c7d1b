/// What the kernel wants to know of a device tree, gathered in one walk. Allocates nothing.
package struct DeviceTreeFacts<Memory: ByteSource> {
    /// How to call the firmware.
    package enum PSCIMethod: Equatable, Sendable {
        case hypervisorCall
        case secureMonitorCall
    }

    /// CPUs beyond this many are counted and not listed.
    package static var cpuLimit: Int { 64 }

    /// The usable memory: `/memory` nodes, less the reservation block and `/reserved-memory`. The tree itself is still in it.
    package private(set) var memory = BootMemoryMap()
    /// `/chosen`'s bootargs and stdout-path.
    package private(set) var commandLine: MemoryText<Memory>?
    package private(set) var standardOutput: MemoryText<Memory>?
    /// `/chosen`'s linux,initrd-start and -end, when both are there.
    package private(set) var initialRAMDisk: PhysicalRange?
    /// Number of `/cpus/cpu*` nodes that have a `reg`.
    package private(set) var cpuCount = 0
    package private(set) var psciMethod: PSCIMethod?

    private var cpus = InlineArray<64, UInt64>(repeating: 0)

    /// The `reg` of a CPU (its MPIDR affinity), or nil.
    package func cpu(_ index: Int) -> UInt64? {
        index >= 0 && index < min(cpuCount, Self.cpuLimit) ? cpus[index] : nil
    }

    /// Where the walk is.
    private enum Place {
        case outside, root, memory, chosen, cpus, cpu, psci, reserved, reservedRange, other
    }

    private struct Walk {
        var depth = 0
        /// The places at depth 1 to 3; deeper ones are `other`.
        var root = Place.outside
        var child = Place.outside
        var grandchild = Place.outside
        /// #address-cells and #size-cells of the root, `/cpus` and `/reserved-memory`; 2 and 1 where not given.
        var rootCells: (address: UInt32, size: UInt32) = (2, 1)
        var childCells: (address: UInt32, size: UInt32) = (2, 1)
        var initrdStart: UInt64?
        var initrdEnd: UInt64?

        var place: Place {
            switch depth {
            case 1: root
            case 2: child
            case 3: grandchild
            default: .other
            }
        }
    }

    package init(_ tree: DeviceTree<Memory>) {
        var walk = Walk()
        // Reservations may come before the memory they are in: they are taken out by a second, short walk.
        var hasReservedMemory = false
        for item in tree {
            switch item {
            case .begin(let name):
                Self.enter(name, &walk)
                if walk.place == .reserved { hasReservedMemory = true }
            case .property(let property): take(property, &walk, reserving: false)
            case .end: walk.depth -= 1
            }
        }
        if let start = walk.initrdStart, let end = walk.initrdEnd, start < end {
            initialRAMDisk = PhysicalRange(from: start, to: end)
        }
        var map = memory
        tree.forEachReservation { map.reserve($0) }
        memory = map
        guard hasReservedMemory else { return }
        walk = Walk()
        for item in tree {
            switch item {
            case .begin(let name): Self.enter(name, &walk)
            case .property(let property): take(property, &walk, reserving: true)
            case .end: walk.depth -= 1
            }
        }
    }

    private static func enter(_ name: MemoryText<Memory>, _ walk: inout Walk) {
        walk.depth += 1
        switch walk.depth {
        case 1: walk.root = .root
        case 2:
            walk.childCells = (2, 1)
            walk.child = place(ofChild: name)
        case 3:
            switch walk.child {
            case .cpus: walk.grandchild = isNode(name, "cpu") ? .cpu : .other
            case .reserved: walk.grandchild = .reservedRange
            default: walk.grandchild = .other
            }
        default: break
        }
    }

    private static func place(ofChild name: MemoryText<Memory>) -> Place {
        // The first letters decide for most nodes.
        switch name[0] {
        case 0x6D where isNode(name, "memory"): .memory
        case 0x63 where isNode(name, "chosen"): .chosen
        case 0x63 where isNode(name, "cpus"): .cpus
        case 0x70 where isNode(name, "psci"): .psci
        case 0x72 where isNode(name, "reserved-memory"): .reserved
        default: .other
        }
    }

    /// True for `base` alone or with a unit address.
    private static func isNode(_ name: MemoryText<Memory>, _ base: StaticString) -> Bool {
        let count = base.utf8CodeUnitCount
        guard name.count == count || (name.count > count && name[count] == 0x40) else { return false }
        for index in 0..<count {
            // SAFETY: `index` is below the text's count.
            guard unsafe name[index] == base.utf8Start[index] else { return false }
        }
        return true
    }

    private mutating func take(_ property: DeviceTreeProperty<Memory>, _ walk: inout Walk, reserving: Bool) {
        switch walk.place {
        case .root: Self.takeCells(property, &walk.rootCells)
        case .cpus, .reserved: Self.takeCells(property, &walk.childCells)
        case .memory where !reserving && property.isNamed("reg"):
            Self.forEachRange(property, walk.rootCells) { memory.add($0) }
        case .reservedRange where reserving && property.isNamed("reg"):
            Self.forEachRange(property, walk.childCells) { memory.reserve($0) }
        case .cpu where !reserving && property.isNamed("reg"):
            guard let value = property.number(at: 0, cells: walk.childCells.address) else { return }
            if cpuCount < Self.cpuLimit { cpus[cpuCount] = value }
            cpuCount += 1
        case .chosen where !reserving:
            if property.isNamed("bootargs") {
                commandLine = property.text
            } else if property.isNamed("stdout-path") {
                standardOutput = property.text
            } else if property.isNamed("linux,initrd-start") {
                walk.initrdStart = property.number
            } else if property.isNamed("linux,initrd-end") {
                walk.initrdEnd = property.number
            }
        case .psci where property.isNamed("method"):
            if let text = property.text {
                psciMethod = text.equals("hvc") ? .hypervisorCall : text.equals("smc") ? .secureMonitorCall : nil
            }
        case .outside, .memory, .chosen, .cpu, .psci, .reservedRange, .other: break
        }
    }

    private static func takeCells(
        _ property: DeviceTreeProperty<Memory>, _ cells: inout (address: UInt32, size: UInt32)
    ) {
        if property.isNamed("#address-cells") {
            cells.address = property.cell() ?? cells.address
        } else if property.isNamed("#size-cells") {
            cells.size = property.cell() ?? cells.size
        }
    }

    /// The ranges of a `reg`, at most 64.
    private static func forEachRange(
        _ property: DeviceTreeProperty<Memory>, _ cells: (address: UInt32, size: UInt32),
        _ body: (PhysicalRange) -> Void
    ) {
        guard cells.address <= 2, cells.size <= 2 else { return }
        var index: UInt32 = 0
        for _ in 0..<64 {
            guard let start = property.number(at: index, cells: cells.address),
                let size = property.number(at: index + cells.address, cells: cells.size), size > 0
            else { return }
            body(PhysicalRange(start: start, size: size))
            index += cells.address + cells.size
        }
    }
}
