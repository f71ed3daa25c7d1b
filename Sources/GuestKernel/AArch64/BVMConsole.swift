import CSupport

/// bhyve's console on arm64, a page: 32-bit accesses carry a character. Source: bhyve, consport.c.
final class BVMConsole: ConsoleDevice {
    /// True when the page answers with the signature.
    static var isPresent: Bool { load16(VirtPlatform.bvmConsoleAddress) == BVMConsoleProtocol.consoleSignature }

    override var name: StaticString { "bvmconsole at 0x90000" }

    override func write(_ bytes: Span<UInt8>) {
        for index in bytes.indices { store32(VirtPlatform.bvmConsoleAddress, UInt32(bytes[index])) }
    }

    override func read() -> UInt8? {
        let value = load32(VirtPlatform.bvmConsoleAddress)
        return value == BVMConsoleProtocol.noCharacter ? nil : UInt8(truncatingIfNeeded: value)
    }
}
