/// Where a virtio-mmio device's registers are.
package struct VirtioMMIOLocation: Equatable, Sendable {
    package let range: PhysicalRange
    /// Number of its interrupt: on x86 the I/O APIC's pin, on arm64 the SPI.
    package let interrupt: UInt32

    package init(range: PhysicalRange, interrupt: UInt32) {
        self.range = range
        self.interrupt = interrupt
    }

    /// Reads `SIZE@ADDRESS:INTERRUPT[:ID]`, as in Linux's `virtio_mmio.device` parameter.
    ///
    /// - Returns: nil when it is not that, or the range wraps.
    package init?<Memory: ByteSource>(_ text: MemoryText<Memory>) {
        var numbers: InlineArray<4, IntegerParser> = [
            IntegerParser(), IntegerParser(), IntegerParser(), IntegerParser(),
        ]
        var part = 0
        for index in 0..<text.count {
            let byte = text[index]
            if byte == (part == 0 ? 0x40 : 0x3A) {
                part += 1
                guard part < 4 else { return nil }
            } else {
                numbers[part].add(byte)
            }
        }
        guard part >= 2, let size = numbers[0].value, let start = numbers[1].value, let interrupt = numbers[2].value,
            size > 0, start > 0, interrupt < 1024, !start.addingReportingOverflow(size).overflow
        else { return nil }
        self.init(range: PhysicalRange(start: start, size: size), interrupt: UInt32(interrupt))
    }
}

/// Where the kernel is told that devices are: by parameters, or by a device tree.
package struct DeviceLocations {
    /// Sorted by address; at most `limit`.
    package private(set) var virtioMMIO: [VirtioMMIOLocation] = []
    /// Configuration space of the PCI bus: memory-mapped, bus 0 first.
    package private(set) var ecam: UInt64?

    /// More than any machine has; a cap, since a loader's text need not be believed.
    package static var limit: Int { 64 }

    package init() {}

    package var isEmpty: Bool { virtioMMIO.isEmpty && ecam == nil }

    /// Takes a parameter of the kernel's if it is one that says where a device is: `virtio_mmio.device` or
    /// `virtio_mmio.device.N`, and `pci.ecam`.
    package mutating func take<Memory: ByteSource>(name: MemoryText<Memory>, value: MemoryText<Memory>) {
        if name.hasPrefix("virtio_mmio.device"), name.count == 18 || name[18] == 0x2E {
            if let location = VirtioMMIOLocation(value) { add(location) }
        } else if name.count == 8, name.hasPrefix("pci.ecam") {
            ecam = value.integer ?? ecam
        }
    }

    private mutating func add(_ location: VirtioMMIOLocation) {
        guard virtioMMIO.count < Self.limit else { return }
        var index = virtioMMIO.count
        while index > 0, virtioMMIO[index - 1].range.start > location.range.start { index -= 1 }
        virtioMMIO.insert(location, at: index)
    }

    /// Takes the devices of a tree's top level. Source: Linux bindings, virtio/mmio.yaml and pci/host-generic-pci.yaml.
    package mutating func take<Memory: ByteSource>(_ tree: DeviceTree<Memory>) {
        var depth = 0
        var cells: (address: UInt32, size: UInt32) = (2, 1)
        var node = Node<Memory>()
        for item in tree {
            switch item {
            case .begin:
                depth += 1
                if depth == 2 { node = Node() }
            case .end:
                if depth == 2 { take(node, cells) }
                depth -= 1
            case .property(let property) where depth == 1:
                if property.isNamed("#address-cells") {
                    cells.address = property.cell() ?? cells.address
                } else if property.isNamed("#size-cells") {
                    cells.size = property.cell() ?? cells.size
                }
            case .property(let property) where depth == 2:
                if property.isNamed("compatible") {
                    node.compatible = property.text
                } else if property.isNamed("reg") {
                    node.registers = property
                } else if property.isNamed("interrupts") {
                    node.interrupts = property
                }
            case .property: break
            }
        }
    }

    private struct Node<Memory: ByteSource> {
        /// The first text of the list.
        var compatible: MemoryText<Memory>?
        var registers: DeviceTreeProperty<Memory>?
        var interrupts: DeviceTreeProperty<Memory>?
    }

    private mutating func take<Memory: ByteSource>(
        _ node: Node<Memory>, _ cells: (address: UInt32, size: UInt32)
    ) {
        guard let compatible = node.compatible, let registers = node.registers, cells.address <= 2,
            let start = registers.number(at: 0, cells: cells.address),
            let size = registers.number(at: cells.address, cells: cells.size)
        else { return }
        if compatible.count == 11, compatible.hasPrefix("virtio,mmio") {
            // Three cells: 0 for an SPI, its number, its trigger.
            guard let interrupts = node.interrupts, interrupts.cell(0) == 0, let number = interrupts.cell(1),
                number < 988
            else { return }
            add(VirtioMMIOLocation(range: PhysicalRange(start: start, size: size), interrupt: number))
        } else if compatible.count == 21, compatible.hasPrefix("pci-host-ecam-generic") {
            ecam = start
        }
    }
}

extension MemoryText {
    /// True when the bytes begin with those of `text`.
    package func hasPrefix(_ text: StaticString) -> Bool {
        guard text.utf8CodeUnitCount <= count else { return false }
        for index in 0..<text.utf8CodeUnitCount {
            // SAFETY: below the count of the literal's bytes.
            guard unsafe self[index] == text.utf8Start[index] else { return false }
        }
        return true
    }
}
