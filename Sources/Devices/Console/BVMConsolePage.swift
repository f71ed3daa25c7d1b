internal import GuestABI
package import VMMCore

/// bhyvearm64's console: the port protocol of `BVMConsole` in a page of memory. The register is at offset 0.
///
/// Threading and errors as for `BVMConsole`; accesses elsewhere in the page read all ones and do nothing.
/// Source: FreeBSD, sys/dev/bvm/bvm_console.c (the page at 0x90000 of aarch64).
package final class BVMConsolePage: MMIODevice {
    private let core: BVMConsoleCore
    private let faults: GuestFaultLog

    package init(channel: any CharacterChannel, faults: GuestFaultLog) {
        core = BVMConsoleCore(signature: BVMConsoleProtocol.consoleSignature, channel: channel, faults: faults)
        self.faults = faults
    }

    package var windowSize: UInt64 { 4096 }

    package func read(at offset: UInt64, width: AccessWidth) -> UInt64 {
        guard offset == 0 else {
            faults.report("bvmconsole: read at offset \(offset) of its page; the register is at 0")
            return width.mask
        }
        return core.read(width: width)
    }

    package func write(_ value: UInt64, at offset: UInt64, width: AccessWidth) {
        guard offset == 0 else {
            faults.report("bvmconsole: write at offset \(offset) of its page; the register is at 0")
            return
        }
        core.write(value, width: width)
    }
}
