package import VMMCore

/// A virtio-mmio driver that knows the registers and nothing else.
///
/// Source: virtio 1.2 §3.1.1, §4.2.2, §4.2.3.
package struct MockMMIODriver: Sendable {
    /// Offsets, as the table of §4.2.2 has them: written down a second time on purpose.
    package enum Register {
        package static let magic: UInt64 = 0x000, version: UInt64 = 0x004, deviceID: UInt64 = 0x008
        package static let vendor: UInt64 = 0x00C, deviceFeatures: UInt64 = 0x010, deviceFeaturesSel: UInt64 = 0x014
        package static let driverFeatures: UInt64 = 0x020, driverFeaturesSel: UInt64 = 0x024
        package static let queueSel: UInt64 = 0x030, queueNumMax: UInt64 = 0x034, queueNum: UInt64 = 0x038
        package static let queueReady: UInt64 = 0x044, queueNotify: UInt64 = 0x050
        package static let interruptStatus: UInt64 = 0x060, interruptACK: UInt64 = 0x064, status: UInt64 = 0x070
        package static let queueDesc: UInt64 = 0x080, queueDriver: UInt64 = 0x090, queueDevice: UInt64 = 0x0A0
        package static let shmSel: UInt64 = 0x0AC, shmLenLow: UInt64 = 0x0B0, queueReset: UInt64 = 0x0C0
        package static let configGeneration: UInt64 = 0x0FC, config: UInt64 = 0x100
    }

    /// Status bits.
    package static let acknowledge: UInt64 = 1, driver: UInt64 = 2, driverOK: UInt64 = 4, featuresOK: UInt64 = 8
    package static let needsReset: UInt64 = 0x40, failed: UInt64 = 0x80
    /// Feature bits.
    package static let indirect: UInt64 = 1 << 28, eventIndex: UInt64 = 1 << 29, version1: UInt64 = 1 << 32
    package static let packed: UInt64 = 1 << 34, ringReset: UInt64 = 1 << 40

    package let device: any MMIODevice

    package init(_ device: any MMIODevice) { self.device = device }

    package func read(_ offset: UInt64) -> UInt64 { device.read(at: offset, width: .word) }
    package func write(_ value: UInt64, _ offset: UInt64) { device.write(value, at: offset, width: .word) }

    package var status: UInt64 { read(Register.status) }
    package var interruptStatus: UInt64 { read(Register.interruptStatus) }
    package var needsReset: Bool { status & Self.needsReset != 0 }

    package var offeredFeatures: UInt64 {
        write(0, Register.deviceFeaturesSel)
        let low = read(Register.deviceFeatures)
        write(1, Register.deviceFeaturesSel)
        return read(Register.deviceFeatures) << 32 | low
    }

    package func writeFeatures(_ features: UInt64) {
        write(0, Register.driverFeaturesSel)
        write(features & 0xFFFF_FFFF, Register.driverFeatures)
        write(1, Register.driverFeaturesSel)
        write(features >> 32, Register.driverFeatures)
    }

    /// Reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK. True when the device took them.
    @discardableResult
    package func negotiate(_ features: UInt64 = version1) -> Bool {
        write(0, Register.status)
        write(1, Register.status)
        write(3, Register.status)
        writeFeatures(features)
        write(0xB, Register.status)
        return status & Self.featuresOK != 0
    }

    package func place(_ queue: MockDriverQueue, as index: UInt64) {
        write(index, Register.queueSel)
        write(UInt64(queue.size), Register.queueNum)
        for (offset, address) in [
            (Register.queueDesc, queue.descriptorTable), (Register.queueDriver, queue.driverArea),
            (Register.queueDevice, queue.deviceArea),
        ] {
            write(address & 0xFFFF_FFFF, offset)
            write(address >> 32, offset + 4)
        }
    }

    package func setUp(_ queue: MockDriverQueue, as index: UInt64) {
        place(queue, as: index)
        write(1, Register.queueReady)
    }

    package func start() { write(0xF, Register.status) }

    package func notify(_ queue: UInt64) { write(queue, Register.queueNotify) }

    /// Acknowledges all causes; gives them.
    @discardableResult
    package func acknowledgeInterrupt() -> UInt64 {
        let causes = interruptStatus
        write(causes, Register.interruptACK)
        return causes
    }
}
