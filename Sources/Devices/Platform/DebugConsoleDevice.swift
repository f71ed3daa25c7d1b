package import VMMCore

/// The debug console port of Bochs and QEMU: each byte written is printed, a read gives 0xE9 to say that it is there.
///
/// Threading: any thread. Source: Bochs, "port 0xE9 hack".
package final class DebugConsoleDevice: ByteRegisterPortDevice {
    /// What a read gives.
    package static let signature: UInt8 = 0xE9
    private let channel: any CharacterChannel

    package init(channel: any CharacterChannel) { self.channel = channel }

    package var portCount: UInt16 { 1 }
    package func readByte(at offset: UInt16) -> UInt8 { Self.signature }
    package func writeByte(_ value: UInt8, at offset: UInt16) { channel.write(value) }
}
