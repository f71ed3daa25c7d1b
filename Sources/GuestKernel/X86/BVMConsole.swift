import CSupport

/// bhyve's console, a port: 32-bit accesses carry a character. Source: bhyve, consport.c.
final class BVMConsole: ConsoleDevice {
    /// True when the port answers with the signature.
    static var isPresent: Bool { in16(PCPlatform.bvmConsolePort) == BVMConsoleProtocol.consoleSignature }

    override var name: StaticString { "bvmconsole at 0x220" }

    override func write(_ bytes: Span<UInt8>) {
        for index in bytes.indices { out32(PCPlatform.bvmConsolePort, UInt32(bytes[index])) }
    }

    override func read() -> UInt8? {
        let value = in32(PCPlatform.bvmConsolePort)
        return value == BVMConsoleProtocol.noCharacter ? nil : UInt8(truncatingIfNeeded: value)
    }
}
