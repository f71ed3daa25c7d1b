package import VMMCore

/// What a transport tells the driver of a device before anything else.
package struct VirtioIdentity: Hashable, Sendable {
    /// Source: virtio 1.2 §5, "Device ID".
    package var deviceType: UInt32
    /// The device type's own feature bits. Transport and queues add theirs.
    package var features: UInt64
    /// The largest size of each queue, a power of two up to 32768.
    package var queueSizes: [UInt16]
    /// Which features a driver must not accept without others.
    package var requirements: [VirtioFeatureRequirement]
    /// Features of queues and transports that this device must do without.
    package var withheld: VirtioFeatures

    package init(
        deviceType: UInt32, features: UInt64, queueSizes: [UInt16], requirements: [VirtioFeatureRequirement] = [],
        withheld: VirtioFeatures = []
    ) {
        self.deviceType = deviceType
        self.features = features
        self.queueSizes = queueSizes
        self.requirements = requirements
        self.withheld = withheld
    }
}

/// Features that make sense with another one only.
///
/// Source: virtio 1.2 §2.2.1: a driver MUST NOT accept a feature which requires another one that was not accepted.
package struct VirtioFeatureRequirement: Hashable, Sendable {
    /// Feature bits.
    let features: UInt64
    /// Each of the features needs one of these.
    let anyOf: UInt64

    init(_ features: UInt64, needs anyOf: UInt64) {
        self.features = features
        self.anyOf = anyOf
    }

    func isMet(by accepted: UInt64) -> Bool { accepted & features == 0 || accepted & anyOf != 0 }
}

/// A virtio device, whatever transport drives it: it sees feature bits, its configuration space, and queues.
///
/// Threading: `notify` on any vCPU thread, on several at once; `activate` and `reset` on vCPU threads, one at a time, in
/// turn. Configuration accesses come with the transport's configuration lock held: a device answers them from its own state
/// at once, and calls `VirtioDriver` from elsewhere only. Guests send any offset and value: nothing may trap.
package protocol VirtioDevice: AnyObject, Sendable {
    var identity: VirtioIdentity { get }

    /// Reads the configuration space. `width` is at most a word; behind its end it reads as zero.
    func readConfiguration(at offset: UInt32, width: AccessWidth) -> UInt32

    /// Writes the configuration space. What to do about it outside of locks is what it gives back.
    func writeConfiguration(_ value: UInt32, at offset: UInt32, width: AccessWidth) -> VirtioConfigurationEffect

    /// The driver is ready (DRIVER_OK). Input that waited may be delivered from here.
    func activate(_ activation: VirtioActivation)

    /// The driver made something available in queue `index`, or says so; or the queue was started or stopped alone, and chains of
    /// it that the device holds are to be discarded.
    func notify(queue index: Int)

    /// Forgets the activation. When it returns, the device touches no guest memory any more.
    func reset()
}

/// A device whose configuration space is the same bytes for ever: a driver can write nothing there.
package protocol FixedConfigurationDevice: VirtioDevice {
    var configuration: [UInt8] { get }
}

extension FixedConfigurationDevice {
    package func readConfiguration(at offset: UInt32, width: AccessWidth) -> UInt32 {
        configuration.readConfiguration(at: offset, width: width)
    }

    package func writeConfiguration(
        _ value: UInt32, at offset: UInt32, width: AccessWidth
    ) -> VirtioConfigurationEffect { .none }
}

/// A device whose queues a program serves that is told, and tells, by eventfds: a transport can have the machine tie those to the
/// guest, and the device does not hear of it.
package protocol EventVirtioDevice: VirtioDevice {
    /// The eventfds of queue `index`; nil: there are none.
    func events(ofQueue index: Int) -> QueueEvents?
}

/// What is left to do of a configuration write once no lock is held.
package enum VirtioConfigurationEffect: Sendable {
    case none
    /// Print a character: an emergency write (virtio 1.2 §5.3.4).
    case emit(UInt8, any CharacterChannel)
}

/// What a device works with from DRIVER_OK to its reset.
package struct VirtioActivation: Sendable {
    /// What driver and device agreed on.
    package let features: UInt64
    /// All queues of the device, by index. One that the driver did not set up does not run.
    package let queues: [VirtioQueue]
    package let driver: VirtioDriver

    package init(features: UInt64, queues: [VirtioQueue], driver: VirtioDriver) {
        self.features = features
        self.queues = queues
        self.driver = driver
    }
}
