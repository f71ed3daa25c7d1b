internal import GuestABI
package import VMMCore

/// bhyve's console, or its debug port, on one x86 I/O port.
///
/// Threading: any thread; characters that several vCPUs write at once come out in no particular order.
/// Errors: accesses of other widths than the protocol's read all ones, do nothing, and are told to the fault log.
/// Source: bhyve, consport.c (port 0x220) and dbgport.c (port 0x224).
package final class BVMConsole: PortDevice {
    private let core: BVMConsoleCore

    /// - Parameter signature: what a 2-byte read gives: `BVMConsoleProtocol.consoleSignature` or `.debugSignature`.
    package init(
        signature: UInt16 = BVMConsoleProtocol.consoleSignature, channel: any CharacterChannel, faults: GuestFaultLog
    ) {
        core = BVMConsoleCore(signature: signature, channel: channel, faults: faults)
    }

    package var portCount: UInt16 { 1 }

    package func read(at offset: UInt16, width: AccessWidth) -> UInt32 {
        UInt32(truncatingIfNeeded: core.read(width: width))
    }

    package func write(_ value: UInt32, at offset: UInt16, width: AccessWidth) {
        core.write(UInt64(value), width: width)
    }
}
