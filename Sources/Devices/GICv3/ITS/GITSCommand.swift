internal import VMMCore

/// A command of the queue: 32 bytes. Fields that a command does not have are not looked at.
/// Source: GICv3, "ITS commands".
enum GITSCommand: Hashable {
    /// An event of a device: DeviceID and EventID.
    struct Event: Hashable {
        var device: UInt32
        var id: UInt32
    }

    /// Size is in bits of an EventID, less one, as the field has it.
    case MAPD(device: UInt32, size: UInt64, itt: UInt64, valid: Bool)
    case MAPC(collection: UInt16, target: UInt64, valid: Bool)
    /// MAPI is MAPTI with the EventID as INTID.
    case MAPTI(Event, intid: UInt32, collection: UInt16)
    case MOVI(Event, collection: UInt16)
    case MOVALL(from: UInt64, to: UInt64)
    case DISCARD(Event)
    case INT(Event)
    case CLEAR(Event)
    case INV(Event)
    case INVALL(collection: UInt16)
    /// Each command has taken effect before the next is read, so there is nothing to wait for.
    case SYNC

    static let size: UInt64 = 32

    /// Nil: no command of a GICv3.
    init?(_ words: InlineArray<4, UInt64>) {
        let event = Event(
            device: UInt32(truncatingIfNeeded: words[0] >> 32), id: UInt32(truncatingIfNeeded: words[1]))
        let collection = UInt16(truncatingIfNeeded: words[2])
        let valid = words[2][bit: 63]
        switch words[0][0...7] {
        case 0x01: self = .MOVI(event, collection: collection)
        case 0x03: self = .INT(event)
        case 0x04: self = .CLEAR(event)
        case 0x05: self = .SYNC
        case 0x08:
            self = .MAPD(device: event.device, size: words[1][0...4], itt: words[2][8...51] << 8, valid: valid)
        case 0x09: self = .MAPC(collection: collection, target: Self.target(words[2]), valid: valid)
        case 0x0A:
            self = .MAPTI(event, intid: UInt32(truncatingIfNeeded: words[1] >> 32), collection: collection)
        case 0x0B: self = .MAPTI(event, intid: event.id, collection: collection)
        case 0x0C: self = .INV(event)
        case 0x0D: self = .INVALL(collection: collection)
        case 0x0E: self = .MOVALL(from: Self.target(words[2]), to: Self.target(words[3]))
        case 0x0F: self = .DISCARD(event)
        default: return nil
        }
    }

    /// RDbase, bits 50:16: a processor number.
    private static func target(_ word: UInt64) -> UInt64 { word[16...50] }
}

/// Why a command has no effect. The architecture lets an ITS ignore such a command and go on, which this one does.
/// Source: GICv3, "ITS command error encodings".
enum GITSFault: Error, Hashable {
    case unknownCommand
    /// An ID that is beyond GITS_TYPER, its table, or what MAPD said.
    case deviceOutOfRange
    case eventOutOfRange
    case collectionOutOfRange
    case intidOutOfRange
    case noSuchTarget
    case deviceNotMapped
    case eventNotMapped
    case collectionNotMapped
    case tableOutsideRAM
    /// The queue is stalled rather, as there is no command to pass over.
    case queueOutsideRAM
}
