package import Boot
internal import GuestABI

/// The `pc` machine's ACPI tables, as they lie in memory from `address` on: the root pointer first.
///
/// The hardware is not of the reduced kind (docs/adr/0012-acpi-with-fixed-hardware.md): PM1 registers, the PM timer, and the
/// power button among them, are there.
/// Source: ACPI 6.4 chapter 5.
package struct ACPITables: Sendable {
    /// Of the root pointer.
    package let address: UInt64
    package let bytes: [UInt8]
    /// Of the root pointer, which is no table.
    package static let rootSignature = "RSD PTR "
    /// Where in `bytes` each table is, by its signature.
    package let places: [(signature: String, range: Range<Int>)]

    /// - Parameter address: a multiple of 64 below 4 GiB, with the tables below 4 GiB too.
    package init(at address: UInt64, cpuCount: Int, devices: DeviceAnnouncement) {
        var builder = Builder(address: address)
        let facs = builder.add("FACS", Self.facs)
        let dsdt = builder.add("DSDT", DSDT.table(devices))
        var tables = [builder.add("FACP", Self.fadt(facs: facs, dsdt: dsdt))]
        tables.append(builder.add("APIC", Self.madt(cpuCount: cpuCount)))
        if let ecam = devices.pciECAM { tables.append(builder.add("MCFG", Self.mcfg(ecam))) }
        tables.append(builder.add("SPCR", Self.spcr))
        let xsdt = builder.add("XSDT", Self.xsdt(tables))
        self.address = address
        (bytes, places) = builder.finished(root: Self.rootPointer(xsdt: xsdt))
    }

    /// Puts tables one behind the other.
    private struct Builder {
        /// The root pointer has 36 bytes; the FACS behind it is aligned to 64, as the specification wants, the others as well.
        private static let alignment = 64
        let address: UInt64
        private var writer = ByteWriter()
        private var places: [(signature: String, range: Range<Int>)] = []

        init(address: UInt64) {
            self.address = address
            writer.append(contentsOf: repeatElement(0, count: Self.alignment))
        }

        /// Gives the table's address.
        mutating func add(_ signature: String, _ table: [UInt8]) -> UInt64 {
            writer.pad(to: Self.alignment)
            let start = writer.bytes.count
            writer.append(contentsOf: table)
            places.append((signature, start..<start + table.count))
            return address + UInt64(start)
        }

        func finished(root: [UInt8]) -> ([UInt8], [(signature: String, range: Range<Int>)]) {
            (root + writer.bytes.dropFirst(root.count), [(rootSignature, 0..<root.count)] + places)
        }
    }

    // MARK: - Root

    /// Source: ACPI 6.4 §5.2.5.3, table 5.3. The checksum of the first 20 bytes is that of revision 0.
    private static func rootPointer(xsdt: UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(contentsOf: rootSignature.utf8)
        writer.append(UInt8(0))
        writer.append(contentsOf: ACPIIdentity.oem.utf8)
        writer.append(UInt8(2))
        // There is no RSDT: every ACPI of this century reads the XSDT.
        writer.append(UInt32(0))
        writer.append(UInt32(36))
        writer.append(xsdt)
        writer.append(UInt32(0))
        writer.patch(ACPIChecksum.of(writer.bytes.prefix(20)), at: 8)
        writer.patch(ACPIChecksum.of(writer.bytes), at: 32)
        return writer.bytes
    }

    /// Source: ACPI 6.4 §5.2.8.
    private static func xsdt(_ tables: [UInt64]) -> [UInt8] {
        var table = ACPITable("XSDT", revision: 1)
        for address in tables { table.append(address) }
        return table.finished()
    }

    /// 64 bytes without a checksum: no global lock's owner, no waking vector. Source: ACPI 6.4 §5.2.10, table 5.11.
    private static var facs: [UInt8] {
        var writer = ByteWriter()
        writer.append(contentsOf: "FACS".utf8)
        writer.append(UInt32(64))
        writer.append(contentsOf: repeatElement(0, count: 24))
        writer.append(UInt8(2))
        writer.pad(to: 64)
        return writer.bytes
    }
}

// MARK: - Interrupt controllers

extension ACPITables {
    /// Source: ACPI 6.4 §5.2.12.
    private static func madt(cpuCount: Int) -> [UInt8] {
        var table = ACPITable("APIC", revision: 5)
        table.append(UInt32(clamping: PCPlatform.localAPICAddress))
        // PCAT_COMPAT: there are 8259s.
        table.append(UInt32(1))
        for index in 0..<cpuCount {
            let number = UInt32(clamping: index)
            if number < 255 {
                // §5.2.12.2, Processor Local APIC: enabled.
                table.append(contentsOf: [0, 8, UInt8(number), UInt8(number)])
                table.append(UInt32(1))
            } else {
                // §5.2.12.12, Processor Local x2APIC: enabled.
                table.append(contentsOf: [9, 16, 0, 0])
                for value in [number, 1, number] { table.append(value) }
            }
        }
        // §5.2.12.3, I/O APIC 0: its inputs are global system interrupts from 0 on.
        table.append(contentsOf: [1, 12, 0, 0])
        for value in [UInt32(clamping: PCPlatform.ioAPICAddress), 0] { table.append(value) }
        // §5.2.12.5, Interrupt Source Override: the SCI is active high (01), level-triggered (11). All other inputs of the ISA
        // bus are what they are by default: at the input of their number, edge-triggered.
        table.append(contentsOf: [2, 10, 0, UInt8(truncatingIfNeeded: PCPlatform.acpiSCI)])
        table.append(PCPlatform.acpiSCI)
        table.append(UInt16(0b1101))
        // §5.2.12.7, Local APIC NMI: LINT1 of all processors.
        table.append(contentsOf: [4, 6, 0xFF, 0, 0, 1])
        return table.finished()
    }

    /// Source: PCI Firmware Specification 3.3 §4.1.2, table 4-2.
    private static func mcfg(_ ecam: UInt64) -> [UInt8] {
        var table = ACPITable("MCFG", revision: 1)
        table.append(UInt64(0))
        table.append(ecam)
        table.append(UInt16(0))
        table.append(contentsOf: [0, UInt8(clamping: (PCPlatform.pciECAMSize >> 20) - 1)])
        table.append(UInt32(0))
        return table.finished()
    }

    /// COM1 as the console. Source: Microsoft, Serial Port Console Redirection Table, revision 2.
    private static var spcr: [UInt8] {
        var table = ACPITable("SPCR", revision: 2)
        // Interface type 0: a 16550.
        table.append(contentsOf: [0, 0, 0, 0])
        table.appendPorts(PCPlatform.com1Port, width: 1, accessSize: 1)
        // By an 8259 (0) and an I/O APIC (1).
        table.append(contentsOf: [0b11, UInt8(truncatingIfNeeded: PCPlatform.com1IRQ)])
        table.append(PCPlatform.com1IRQ)
        // 115,200 bits a second (7), no parity, one stop bit, no flow control, an ANSI terminal (3).
        table.append(contentsOf: [7, 0, 1, 0, 3, 0])
        // No PCI device.
        for value: UInt16 in [0xFFFF, 0xFFFF] { table.append(value) }
        table.append(contentsOf: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        return table.finished()
    }
}

// MARK: - Fixed hardware

extension ACPITables {
    /// Source: ACPI 6.4 §5.2.9, table 5.9.
    private static func fadt(facs: UInt64, dsdt: UInt64) -> [UInt8] {
        let block = PCPlatform.acpiPMPort
        let (control, timer) = (block + 4, block + 8)
        var table = ACPITable("FACP", revision: 6)
        // Below 4 GiB, both.
        for address in [facs, dsdt] { table.append(UInt32(clamping: address)) }
        // Reserved; preferred profile: unspecified.
        table.append(contentsOf: [0, 0])
        table.append(UInt16(clamping: PCPlatform.acpiSCI))
        // SMI_CMD 0: ACPI is always on. ACPI_ENABLE, ACPI_DISABLE, S4BIOS_REQ, PSTATE_CNT.
        for _ in 0..<2 { table.append(UInt32(0)) }
        // PM1a_EVT, PM1b_EVT, PM1a_CNT, PM1b_CNT, PM2_CNT, PM_TMR, GPE0, GPE1.
        for port in [block, 0, control, 0, 0, timer, 0, 0] { table.append(UInt32(port)) }
        // Their lengths: PM1_EVT, PM1_CNT, PM2_CNT, PM_TMR, GPE0, GPE1; GPE1_BASE, CST_CNT.
        table.append(contentsOf: [4, 2, 0, 4, 0, 0, 0, 0])
        // P_LVL2_LAT and P_LVL3_LAT: no such states. FLUSH_SIZE, FLUSH_STRIDE.
        for value: UInt16 in [101, 1001, 0, 0] { table.append(value) }
        // DUTY_OFFSET, DUTY_WIDTH, DAY_ALRM, MON_ALRM, CENTURY.
        table.append(contentsOf: [0, 0, 0, 0, PCPlatform.rtcCenturyRegister])
        // IAPC_BOOT_ARCH: legacy devices (0), no VGA (2), no ASPM (4). Not set: an 8042 with a keyboard (1).
        table.append(UInt16(0b1_0101))
        table.append(UInt8(0))
        table.append(flags)
        // RESET_REG and RESET_VALUE.
        table.appendPorts(PCPlatform.resetControlPort, width: 1, accessSize: 1)
        table.append(UInt8(0x06))
        // ARM_BOOT_ARCH; minor version 4.
        table.append(UInt16(0))
        table.append(UInt8(4))
        // X_FIRMWARE_CTRL is 0 where FIRMWARE_CTRL is not.
        table.append(UInt64(0))
        table.append(dsdt)
        // X_PM1a_EVT, X_PM1b_EVT, X_PM1a_CNT, X_PM1b_CNT, X_PM2_CNT, X_PM_TMR, X_GPE0, X_GPE1.
        let registers: [(UInt16, UInt8, UInt8)] = [
            (block, 4, 2), (0, 0, 0), (control, 2, 2), (0, 0, 0), (0, 0, 0), (timer, 4, 3), (0, 0, 0), (0, 0, 0),
        ]
        for (port, width, access) in registers { table.appendPorts(port, width: width, accessSize: access) }
        // SLEEP_CONTROL_REG and SLEEP_STATUS_REG are of reduced hardware.
        for _ in 0..<2 { table.appendPorts(0, width: 0, accessSize: 0) }
        // Hypervisor vendor identity.
        table.append(contentsOf: (ACPIIdentity.creator + ACPIIdentity.creator).utf8)
        return table.finished()
    }

    /// WBINVD (0), PROC_C1 (2), no sleep button (5), no RTC among the fixed events (6), TMR_VAL_EXT (8): the timer has 32 bits, RESET_REG_SUP (10). PWR_BUTTON
    /// (4) is clear: the power button is one of the fixed hardware.
    private static let flags: UInt32 = 1 << 0 | 1 << 2 | 1 << 5 | 1 << 6 | 1 << 8 | 1 << 10
}
