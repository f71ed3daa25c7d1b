internal import ArgumentParser
internal import Boot
internal import GuestABI
internal import HostIO
internal import VMM
internal import VMMCore

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Tells what an image is and what swvmm would hand it; boots nothing.",
        discussion: "Exits with 0 when the image can be booted, else with 1."
    )

    @OptionGroup(title: "Guest") var guest: GuestOptions

    @Flag(help: "Show the kernel metadata records.")
    var dumpMetadata = false

    @Option(help: ArgumentHelp("Write the ACPI tables into a directory, a file each.", valueName: "directory"))
    var dumpAcpi: String?

    @Option(help: ArgumentHelp("Write the SMBIOS tables to a file for dmidecode --from-dump.", valueName: "file"))
    var dumpSmbios: String?

    @Option(
        help: ArgumentHelp("Write the kernel to a file as it is unpacked: a bzImage's vmlinux.", valueName: "file"))
    var extract: String?

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let inspection: Inspection
        do throws(BootError) {
            inspection = try Inspection(guest.configuration)
            if let path = guest.dumpDtb { try BootPreparation(guest.configuration).writeDeviceTree(to: path) }
            if let path = dumpAcpi { try BootPreparation(guest.configuration).writeACPITables(to: path) }
            if let path = extract { try BootPreparation(guest.configuration).extract(to: path) }
            if let path = dumpSmbios { try BootPreparation(guest.configuration).writeSMBIOSTables(to: path) }
        } catch {
            StandardError.print("swvmm: error: \(error.words)")
            throw ExitCode(ProcessExitCode.hostError)
        }
        print(json ? inspection.json(withMetadata: dumpMetadata).text() : text(of: inspection))
        if case .failure(let error) = inspection.plan {
            StandardError.print("swvmm: error: \(error.words)")
            throw ExitCode(ProcessExitCode.hostError)
        }
    }

    private func text(of inspection: Inspection) -> String {
        var lines = [
            "\(inspection.imageName): \(inspection.formatWords), \(inspection.imageSize) bytes",
            "architecture: \(inspection.architecture.rawValue)",
        ]
        guard case .success(let plan) = inspection.plan else { return lines.joined(separator: "\n") }
        lines.append("entered by:   \(plan.bootProtocol.words), at \(hexadecimal(plan.entry))")
        lines.append(
            "registers:    " + plan.registers.map { "\($0.name)=\(hexadecimal($0.value))" }.joined(separator: " "))
        lines.append("in memory:")
        for placement in plan.placements.sorted(by: { $0.range.start < $1.range.start }) {
            lines.append("  \(placement.range)  \(placement.purpose.words)\(sizes(of: placement))")
        }
        lines.append("memory map:")
        lines += plan.memoryMap.map { "  \($0.range)  \($0.words)" }
        if let handover = plan.handover {
            lines.append("environment:")
            lines += handover.environment.settings.map { "  \($0.name)=\($0.value)" }
            if dumpMetadata { lines += MetadataText(handover).lines }
        } else if dumpMetadata {
            lines.append("metadata:     none, this image is entered by \(plan.bootProtocol.words)")
        }
        return lines.joined(separator: "\n")
    }

    private func sizes(of placement: Placement) -> String {
        if case .nothing = placement.content { return ", kept free" }
        return placement.contentSize == placement.range.size
            ? ", \(placement.contentSize) bytes" : ", \(placement.contentSize) bytes, the rest zero"
    }
}

/// The metadata records as lines, by the names of FreeBSD's headers.
private struct MetadataText {
    private let handover: MetadataHandover

    init(_ handover: MetadataHandover) { self.handover = handover }

    var lines: [String] {
        var lines = ["metadata at \(hexadecimal(handover.metadataAddress)), \(handover.metadata.encoded.count) bytes:"]
        for module in handover.metadata.modules {
            lines.append("  NAME  \(module.name)")
            lines.append("  TYPE  \(module.type)")
            if let arguments = module.arguments { lines.append("  ARGS  \(arguments)") }
            lines.append("  ADDR  \(hexadecimal(module.address))")
            lines.append("  SIZE  \(hexadecimal(module.size))")
            lines += module.items.map(line)
        }
        return lines
    }

    private func line(_ item: FreeBSDMetadata.Item) -> String {
        "  METADATA \(item.name)  " + (item.number.map(hexadecimal) ?? "\(item.payload.count) bytes")
    }
}

extension FreeBSDMetadata.Item {
    /// The name in FreeBSD's headers. The numbers above 0x1000 differ between architectures; the payload tells which it is.
    fileprivate var name: String {
        switch type {
        case KernelMetadata.elfHeader: "ELFHDR"
        case KernelMetadata.symbolTableStart: "SSYM"
        case KernelMetadata.symbolTableEnd: "ESYM"
        case KernelMetadata.dynamic: "DYNAMIC"
        case KernelMetadata.environment: "ENVP"
        case KernelMetadata.howTo: "HOWTO"
        case KernelMetadata.kernelEnd: "KERNEND"
        case KernelMetadata.sectionHeaders: "SHDR"
        case KernelMetadata.systemMemoryMap:
            FreeBSDMetadata.Item.decodeSystemMemoryMap(payload) != nil ? "SMAP" : "EFI_MAP"
        case KernelMetadata.deviceTree: "DTBP"
        default: hexadecimal(UInt64(type))
        }
    }
}

extension MemoryMapEntry {
    fileprivate var words: String {
        switch type {
        case MemoryMapEntryType.usable: "usable"
        case MemoryMapEntryType.reserved: "reserved"
        case MemoryMapEntryType.acpiTables: "ACPI tables"
        default: "type \(type)"
        }
    }
}

extension Inspection {
    /// What it is, and what it is packed in.
    fileprivate var formatWords: String { (wrappings + [format]).map(\.words).joined(separator: " that holds a ") }

    fileprivate func json(withMetadata: Bool) -> JSON {
        var members: [(String, JSON)] = [
            ("image", .string(imageName)), ("size", .unsigned(imageSize)), ("format", .string(formatWords)),
            ("arch", .string(architecture.rawValue)),
        ]
        switch plan {
        case .failure(let error):
            members += [("bootable", .bool(false)), ("reason", .string(error.words))]
        case .success(let plan):
            members += [
                ("bootable", .bool(true)), ("protocol", .string(plan.bootProtocol.words)),
                ("entry", .unsigned(plan.entry)),
                ("registers", .object(plan.registers.map { ($0.name, .unsigned($0.value)) })),
                (
                    "placements",
                    .array(
                        plan.placements.map { placement in
                            .object([
                                ("purpose", .string(placement.purpose.words)),
                                ("start", .unsigned(placement.range.start.rawValue)),
                                ("size", .unsigned(placement.range.size)),
                                ("written", .unsigned(placement.contentSize)),
                            ])
                        })
                ),
                (
                    "memoryMap",
                    .array(
                        plan.memoryMap.map { entry in
                            .object([
                                ("start", .unsigned(entry.range.start.rawValue)), ("size", .unsigned(entry.range.size)),
                                ("type", .string(entry.words)),
                            ])
                        })
                ),
            ]
            if let handover = plan.handover {
                members.append(
                    ("environment", .object(handover.environment.settings.map { ($0.name, .string($0.value)) })))
                if withMetadata {
                    members.append(("metadata", .array(MetadataText(handover).lines.dropFirst().map { .string($0) })))
                }
            }
        }
        return .object(members)
    }
}
