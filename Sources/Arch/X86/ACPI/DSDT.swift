internal import Boot
internal import GuestABI

/// The devices that a guest cannot find by itself, in ACPI Machine Language.
///
/// Source: ACPI 6.4 §5.2.11.1 and chapter 6; PCI Firmware Specification 3.3 §4.5 and §4.6; Linux
/// Documentation/devicetree/bindings/virtio/mmio.yaml has no part in it, drivers/virtio/virtio_mmio.c has: LNRO0005.
enum DSDT {
    static func table(_ devices: DeviceAnnouncement) -> [UInt8] {
        var terms = [serialPort, realTimeClock, panicNotifier]
        if let ecam = devices.pciECAM {
            terms += (0..<wireCount).map(link) + [hostBridge, reserved(ecam)]
        }
        terms += devices.windows.enumerated().map { virtio($0, $1) }
        let sleepType = UInt64(PCPlatform.acpiS5SleepType)
        // Revision 2: integers have 64 bits.
        var table = ACPITable("DSDT", revision: 2)
        table.append(
            contentsOf: AMLEncoder.encode([
                .scope("_SB", terms),
                // SLP_TYPa, SLP_TYPb, and two reserved elements. Source: ACPI 6.4 §7.4.2.6.
                .name("_S5", .package([.integer(sleepType), .integer(sleepType), .integer(0), .integer(0)])),
            ]))
        return table.finished()
    }

    private static var serialPort: AMLTerm {
        .device(
            "COM1",
            [
                .name("_HID", .eisa("PNP0501")), .name("_UID", .integer(1)),
                .name(
                    "_CRS",
                    .resources([.ports(first: PCPlatform.com1Port, count: 8), .isaInterrupt(PCPlatform.com1IRQ)])),
            ])
    }

    private static var realTimeClock: AMLTerm {
        .device(
            "RTC0",
            [
                .name("_HID", .eisa("PNP0B00")),
                .name(
                    "_CRS",
                    .resources([.ports(first: PCPlatform.rtcPort, count: 2), .isaInterrupt(PCPlatform.rtcIRQ)])),
            ])
    }

    /// Source: QEMU docs/specs/pvpanic.
    private static var panicNotifier: AMLTerm {
        .device(
            "PEVT",
            [
                .name("_HID", .string("QEMU0001")),
                .name("_CRS", .resources([.ports(first: PCPlatform.panicPort, count: 1)])),
            ])
    }

    /// Source: Linux drivers/virtio/virtio_mmio.c.
    private static func virtio(_ number: Int, _ window: DeviceAnnouncement.Window) -> AMLTerm {
        let memory = ACPIResource.memory(
            start: UInt32(clamping: window.address), size: UInt32(clamping: window.size))
        return .device(
            AMLName("V", number),
            [
                .name("_HID", .string("LNRO0005")), .name("_UID", .integer(UInt64(number))),
                .name("_CRS", .resources([memory, .interrupt(window.interrupt)])),
            ])
    }
}

// MARK: - PCI

extension DSDT {
    private static let wireCount = 4

    private static func linkName(_ wire: Int) -> AMLName { AMLName("L", wire) }

    /// A wire of the bus. Links, though fixed, are what says that these inputs are active high: without, PCI's are active low.
    /// Source: ACPI 6.4 §6.2.13, _PRT; §6.2.2, _CRS; §6.2.12, _PRS; §6.2.16, _SRS.
    private static func link(_ wire: Int) -> AMLTerm {
        let resources = AMLData.resources([.interrupt(PCPlatform.pciFirstInput + UInt32(wire))])
        return .device(
            linkName(wire),
            [
                .name("_HID", .eisa("PNP0C0F")), .name("_UID", .integer(UInt64(wire))),
                .name("_CRS", resources), .name("_PRS", resources), .name("_STA", .integer(0xB)),
                .emptyMethod("_SRS", argumentCount: 1), .emptyMethod("_DIS", argumentCount: 0),
            ])
    }

    private static var hostBridge: AMLTerm {
        let buses = UInt16(clamping: PCPlatform.pciECAMSize >> 20)
        return .device(
            "PCI0",
            [
                .name("_HID", .eisa("PNP0A08")), .name("_CID", .eisa("PNP0A03")),
                .name("_UID", .integer(0)), .name("_SEG", .integer(0)), .name("_BBN", .integer(0)),
                .name(
                    "_CRS",
                    .resources([
                        .buses(0...(buses &- 1)),
                        .ports(first: PCPlatform.pciAddressPort, count: 8),
                        .memoryWindow(
                            start: UInt32(clamping: PCPlatform.pciWindowAddress),
                            size: UInt32(clamping: PCPlatform.pciWindowSize)),
                    ])),
                .name("_PRT", .package(routing)),
            ])
    }

    /// Pin p of slot s, both from 0, is at wire (s + p) % 4. The slot is in the high half, with all functions in the low one.
    private static var routing: [AMLData] {
        (0..<32).flatMap { slot in
            (0..<wireCount).map { pin in
                .package([
                    .integer(UInt64(slot) << 16 | 0xFFFF), .integer(UInt64(pin)),
                    .reference(linkName((slot + pin) % wireCount)), .integer(0),
                ])
            }
        }
    }

    /// Linux uses a configuration space in memory only where it is a resource of the main board. Source: PCI Firmware 3.3 §4.1.2.
    private static func reserved(_ ecam: UInt64) -> AMLTerm {
        .device(
            "MRES",
            [
                .name("_HID", .eisa("PNP0C02")), .name("_UID", .integer(0)),
                .name(
                    "_CRS",
                    .resources([
                        .memory(start: UInt32(clamping: ecam), size: UInt32(clamping: PCPlatform.pciECAMSize))
                    ])),
            ])
    }
}
