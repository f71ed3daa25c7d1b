import VMMCore
import VMMTestSupport

/// A virtio-pci driver that knows the specification's structures and nothing else: it finds them by the capabilities.
///
/// Source: virtio 1.2 §3.1.1, §4.1.4, §4.1.5.
struct MockPCIDriver: Sendable {
    /// Offsets in the common configuration structure: written down a second time on purpose.
    enum Common {
        static let deviceFeatureSelect: UInt64 = 0x00, deviceFeature: UInt64 = 0x04, driverFeatureSelect: UInt64 = 0x08
        static let driverFeature: UInt64 = 0x0C, configVector: UInt64 = 0x10, numQueues: UInt64 = 0x12
        static let status: UInt64 = 0x14, generation: UInt64 = 0x15, queueSelect: UInt64 = 0x16
        static let queueSize: UInt64 = 0x18, queueVector: UInt64 = 0x1A, queueEnable: UInt64 = 0x1C
        static let queueNotifyOff: UInt64 = 0x1E, queueDesc: UInt64 = 0x20, queueDriver: UInt64 = 0x28
        static let queueDevice: UInt64 = 0x30, queueNotifyData: UInt64 = 0x38, queueReset: UInt64 = 0x3A
    }

    static let noVector: UInt64 = 0xFFFF

    /// A structure as its capability describes it.
    struct Place: Sendable {
        var bar: UInt64
        var offset: UInt64
        var length: UInt64
        /// Of the capability itself.
        var capability: UInt64
    }

    let configuration: any MMIODevice
    let windows: [(address: UInt64, device: any MMIODevice)]
    let slot: UInt64
    /// By cfg_type.
    private(set) var structures: [UInt64: Place] = [:]
    private(set) var notifyMultiplier: UInt64 = 0
    /// The offset of MSI-X; 0: none.
    private(set) var msiX: UInt64 = 0

    init(configuration: any MMIODevice, windows: [(address: UInt64, device: any MMIODevice)], slot: UInt64 = 1) {
        self.configuration = configuration
        self.windows = windows
        self.slot = slot
        var offset = header(0x34, .byte)
        while offset != 0 {
            if header(offset, .byte) == 0x11 { msiX = offset }
            if header(offset, .byte) == 0x09 {
                let type = header(offset + 3, .byte)
                structures[type] = Place(
                    bar: header(offset + 4, .byte), offset: header(offset + 8), length: header(offset + 12),
                    capability: offset)
                if type == 2 { notifyMultiplier = header(offset + 16) }
            }
            offset = header(offset + 1, .byte)
        }
    }

    // MARK: The function

    func header(_ offset: UInt64, _ width: AccessWidth = .word) -> UInt64 {
        configuration.read(at: slot << 15 | offset, width: width)
    }

    func setHeader(_ value: UInt64, _ offset: UInt64, _ width: AccessWidth = .word) {
        configuration.write(value, at: slot << 15 | offset, width: width)
    }

    func base(_ bar: UInt64) -> UInt64 { header(0x10 + 4 * bar) & ~0xF }

    func load(_ address: UInt64, _ width: AccessWidth) -> UInt64 {
        for window in windows where address >= window.address && address - window.address < window.device.windowSize {
            return window.device.read(at: address - window.address, width: width) & width.mask
        }
        return width.mask
    }

    func store(_ value: UInt64, _ address: UInt64, _ width: AccessWidth) {
        for window in windows where address >= window.address && address - window.address < window.device.windowSize {
            window.device.write(value & width.mask, at: address - window.address, width: width)
        }
    }

    /// The address of a structure's byte `offset`.
    func address(_ type: UInt64, _ offset: UInt64 = 0) -> UInt64 {
        guard let place = structures[type] else { return .max }
        return base(place.bar) + place.offset + offset
    }

    /// Memory and bus mastering.
    func enable() { setHeader(6, 4, .halfword) }

    // MARK: Messages

    func setMessages(_ isOn: Bool) { setHeader(isOn ? 0x8000 : 0, msiX + 2, .halfword) }

    func setEntry(_ index: UInt64, address: UInt64, data: UInt64, isMasked: Bool = false) {
        let table = header(msiX + 4)
        let entry = base(table & 7) + (table & ~7) + 16 * index
        store(address, entry, .doubleword)
        store(data, entry + 8, .word)
        store(isMasked ? 1 : 0, entry + 12, .word)
    }

    // MARK: The device

    /// The natural width of a field of the common structure.
    private func width(_ field: UInt64) -> AccessWidth {
        switch field {
        case 0x14, 0x15: .byte
        case 0x10..<0x20, 0x38...: .halfword
        default: .word
        }
    }

    func read(_ field: UInt64) -> UInt64 { load(address(1, field), width(field)) }
    func write(_ value: UInt64, _ field: UInt64) { store(value, address(1, field), width(field)) }

    var status: UInt64 { read(Common.status) }
    var needsReset: Bool { status & MockMMIODriver.needsReset != 0 }

    /// Reads and clears the interrupt status.
    func takeInterruptStatus() -> UInt64 { load(address(3), .byte) }

    var offeredFeatures: UInt64 {
        write(0, Common.deviceFeatureSelect)
        let low = read(Common.deviceFeature)
        write(1, Common.deviceFeatureSelect)
        return read(Common.deviceFeature) << 32 | low
    }

    @discardableResult
    func negotiate(_ features: UInt64 = MockMMIODriver.version1) -> Bool {
        for status in [0, 1, 3] as [UInt64] { write(status, Common.status) }
        for half in [0, 1] as [UInt64] {
            write(half, Common.driverFeatureSelect)
            write(features >> (32 * half), Common.driverFeature)
        }
        write(0xB, Common.status)
        return status & MockMMIODriver.featuresOK != 0
    }

    func place(_ queue: MockDriverQueue, as index: UInt64) {
        write(index, Common.queueSelect)
        write(UInt64(queue.size), Common.queueSize)
        for (field, address) in [
            (Common.queueDesc, queue.descriptorTable), (Common.queueDriver, queue.driverArea),
            (Common.queueDevice, queue.deviceArea),
        ] {
            write(address, field)
            write(address >> 32, field + 4)
        }
    }

    func setUp(_ queue: MockDriverQueue, as index: UInt64) {
        place(queue, as: index)
        write(1, Common.queueEnable)
    }

    func start() { write(0xF, Common.status) }

    func notify(_ queue: UInt64) {
        write(queue, Common.queueSelect)
        store(queue, address(2, read(Common.queueNotifyOff) * notifyMultiplier), .halfword)
    }
}
