package import VMMCore

extension GICv3 {
    /// What LPIs need beside the rest of the controller.
    package struct LPISupport: Sendable {
        /// Where their tables are.
        package let memory: GuestMemory
        /// Told of wrong commands and of messages that come to nothing.
        package let faults: GuestFaultLog

        package init(memory: GuestMemory, faults: GuestFaultLog) {
            self.memory = memory
            self.faults = faults
        }
    }

    /// GITS: the 128 KiB of the ITS, a control frame and a translation frame. Without LPIs it reads as zero.
    package var its: some MMIODevice { GICITSFrames(gic: self) }

    /// Where devices write their messages.
    /// - Parameter translater: GITS_TRANSLATER's address: a message to another one is dropped.
    package func messageInput(at translater: GuestAddress) -> some MSITarget {
        GICMessageInput(gic: self, translater: translater)
    }

    /// Offset of GITS_TRANSLATER in the ITS's frames.
    package static let translaterOffset: UInt64 = 0x1_0040

    fileprivate func report(_ fault: GITSFault?, of what: StaticString) {
        if let fault { faults?.report("GICv3: \(what): \(fault)") }
    }
}

private final class GICITSFrames: MMIODevice {
    private let gic: GICv3

    init(gic: GICv3) { self.gic = gic }

    var windowSize: UInt64 { GITSLayout.size }

    func read(at offset: UInt64, width: AccessWidth) -> UInt64 { gic.perform { $0.readITS(offset, width) } }

    func write(_ value: UInt64, at offset: UInt64, width: AccessWidth) {
        gic.report(gic.perform { $0.writeITS(value, offset, width) }, of: "an ITS command has no effect")
    }
}

/// Lets a device's message through to the ITS: data is the EventID, who writes it the DeviceID.
private final class GICMessageInput: MSITarget {
    private let gic: GICv3
    private let translater: GuestAddress

    init(gic: GICv3, translater: GuestAddress) {
        self.gic = gic
        self.translater = translater
    }

    func send(_ message: MSI, from device: UInt32) {
        guard message.address == translater else { return }
        gic.report(
            gic.perform { $0.translate(event: message.data, from: device) }, of: "a device's message comes to nothing")
    }
}
