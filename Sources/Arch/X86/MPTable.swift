package import Boot
internal import GuestABI

/// The MP table, which tells kernels without ACPI of the CPUs and of the I/O APIC's wires: the floating pointer, and behind it
/// the configuration table.
///
/// Source: Intel MultiProcessor Specification 1.4, chapter 4.
package struct MPTable: Sendable {
    package let bytes: [UInt8]

    private static let pointerSize = 16
    private static let headerSize = 44
    private static let specification: UInt8 = 4
    /// The version of a local APIC with an 8-bit identifier on the system bus, and of an 82093AA's successors.
    private static let localAPICVersion: UInt8 = 0x14
    private static let ioAPICVersion: UInt8 = 0x11
    private static let allAPICs: UInt8 = 0xFF

    /// - Parameters:
    ///   - address: a multiple of 16 below 1 MiB.
    ///   - cpuCount: at most 255.
    package init(at address: UInt64, cpuCount: Int, devices: DeviceAnnouncement) {
        var writer = ByteWriter()
        writer.append(contentsOf: "_MP_".utf8)
        writer.append(UInt32(clamping: address + UInt64(Self.pointerSize)))
        // In units of 16 bytes; the checksum; a configuration table, and not one of the default ones; no IMCR.
        writer.append(contentsOf: [1, Self.specification, 0, 0, 0, 0, 0, 0])
        writer.patch(ACPIChecksum.of(writer.bytes), at: 10)
        writer.append(contentsOf: Self.configuration(Entries(cpuCount: cpuCount, devices: devices)))
        bytes = writer.bytes
    }

    private static func configuration(_ entries: Entries) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(contentsOf: "PCMP".utf8)
        writer.append(UInt16(clamping: headerSize + entries.bytes.count))
        writer.append(contentsOf: [specification, 0])
        writer.append(contentsOf: "SWVMM   ".utf8)
        writer.append(contentsOf: "PC          ".utf8)
        // No table of the maker's.
        writer.append(UInt32(0))
        writer.append(UInt16(0))
        writer.append(UInt16(clamping: entries.count))
        writer.append(UInt32(clamping: PCPlatform.localAPICAddress))
        // No extended entries.
        writer.append(UInt32(0))
        writer.append(contentsOf: entries.bytes)
        writer.patch(ACPIChecksum.of(writer.bytes), at: 7)
        return writer.bytes
    }

    /// The entries, in the order of their types, which the specification wants.
    private struct Entries {
        private var writer = ByteWriter()
        private(set) var count = 0
        var bytes: [UInt8] { writer.bytes }

        /// Behind those of the CPUs.
        private let ioAPIC: UInt8

        init(cpuCount: Int, devices: DeviceAnnouncement) {
            ioAPIC = UInt8(clamping: cpuCount)
            for index in 0..<cpuCount { addProcessor(index) }
            // A PCI bus goes by its own number. Source: MP 1.4 §D.3.
            let hasPCI = devices.pciECAM != nil
            let isaBus: UInt8 = hasPCI ? 1 : 0
            if hasPCI { addBus(0, "PCI   ") }
            addBus(isaBus, "ISA   ")
            add([2, ioAPIC, MPTable.ioAPICVersion, 1], UInt32(clamping: PCPlatform.ioAPICAddress))
            // 2 is the 8259s' cascade.
            for input in UInt8(0)..<16 where input != 2 { addInterrupt(.conforming, isaBus, input, input) }
            if hasPCI { addPCIInterrupts() }
            // Interrupts of no bus; Linux knows those of the ISA bus by their own numbers.
            for window in Set(devices.windows.map(\.interrupt)).sorted() {
                let input = UInt8(clamping: window)
                addInterrupt(.levelHigh, isaBus, input, input)
            }
            // Virtual wire mode: the 8259s at LINT0, NMI at LINT1 of all local APICs.
            add([4, 3, 0, 0, isaBus, 0, MPTable.allAPICs, 0])
            add([4, 1, 0, 0, isaBus, 0, MPTable.allAPICs, 1])
        }

        /// How a wire signals: its polarity in bits 1:0, its trigger in 3:2.
        private enum Signal: UInt8 {
            case conforming = 0
            case levelHigh = 0b1101
        }

        private mutating func add(_ bytes: [UInt8], _ word: UInt32? = nil) {
            writer.append(contentsOf: bytes)
            if let word { writer.append(word) }
            count += 1
        }

        private mutating func addProcessor(_ index: Int) {
            // Bit 0: usable; bit 1: it boots.
            let flags: UInt8 = index == 0 ? 0b11 : 0b01
            writer.append(contentsOf: [0, UInt8(clamping: index), MPTable.localAPICVersion, flags])
            // Signature: family 6. Features: FPU (0) and APIC (9); all others are CPUID's to tell.
            for value: UInt32 in [0x600, 0x201, 0, 0] { writer.append(value) }
            count += 1
        }

        private mutating func addBus(_ number: UInt8, _ name: String) { add([1, number] + name.utf8) }

        private mutating func addInterrupt(_ signal: Signal, _ bus: UInt8, _ source: UInt8, _ input: UInt8) {
            add([3, 0, signal.rawValue, 0, bus, source, ioAPIC, input])
        }

        /// Pin p of slot s, both from 0, is at wire (s + p) % 4. The slot is in bits 6:2, the pin in 1:0. Source: MP 1.4 §D.3.
        private mutating func addPCIInterrupts() {
            for slot in UInt8(0)..<32 {
                for pin in UInt8(0)..<4 {
                    let input = UInt8(clamping: PCPlatform.pciFirstInput) + (slot + pin) % 4
                    addInterrupt(.levelHigh, 0, slot << 2 | pin, input)
                }
            }
        }
    }
}
