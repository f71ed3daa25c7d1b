internal import VMMCore

/// The device status field: how far the driver has come, and what went wrong.
///
/// Source: virtio 1.2 §2.1, §3.1.1.
struct DeviceStatus: Hashable, Sendable {
    /// The driver's progress, by the bits that it has set.
    enum Stage: UInt8, CaseIterable, Sendable {
        case idle = 0
        /// ACKNOWLEDGE.
        case acknowledged = 0x01
        /// DRIVER.
        case driverFound = 0x03
        /// FEATURES_OK.
        case featuresAccepted = 0x0B
        /// DRIVER_OK.
        case running = 0x0F
    }

    static let stageBits: UInt8 = 0x0F
    static let needsResetBit: UInt8 = 0x40
    static let failedBit: UInt8 = 0x80

    var stage = Stage.idle
    /// The device gave up: the driver must reset it.
    var needsReset = false
    /// The driver gave up.
    var failed = false

    var rawValue: UInt8 {
        stage.rawValue | (needsReset ? Self.needsResetBit : 0) | (failed ? Self.failedBit : 0)
    }

    /// What a write that asks for `wanted` does.
    enum Step: Hashable {
        case stay
        case advance
        /// As far as the features allow: to `featuresAccepted` if they do, else to `driverFound`.
        case negotiate
        /// Bits must not be cleared but by a reset (§2.1.1), and DRIVER_OK is not for a driver without FEATURES_OK
        /// (§3.1.1): a legacy driver's way.
        case refuse
    }

    static func step(from stage: Stage, to wanted: Stage) -> Step {
        switch (stage, wanted) {
        case (.idle, .idle), (.acknowledged, .acknowledged), (.driverFound, .driverFound),
            (.featuresAccepted, .featuresAccepted), (.running, .running):
            .stay
        case (.idle, .acknowledged), (.idle, .driverFound), (.acknowledged, .driverFound),
            (.featuresAccepted, .running):
            .advance
        case (.idle, .featuresAccepted), (.acknowledged, .featuresAccepted), (.driverFound, .featuresAccepted):
            .negotiate
        case (.idle, .running), (.acknowledged, .running), (.driverFound, .running):
            .refuse
        case (.acknowledged, .idle), (.driverFound, .idle), (.featuresAccepted, .idle), (.running, .idle),
            (.driverFound, .acknowledged), (.featuresAccepted, .acknowledged), (.running, .acknowledged),
            (.featuresAccepted, .driverFound), (.running, .driverFound), (.running, .featuresAccepted):
            .refuse
        }
    }
}
