internal import Synchronization
package import VMMCore

/// RST_CNT: Reset Control Register. 8-bit, RW.
/// Source: Intel 9 Series Chipset PCH data sheet, "RST_CNT: Reset Control Register", port 0xCF9.
struct RST_CNT: RawRepresentable {
    var rawValue: UInt8 = 0
    /// SYS_RST and FULL_RST; RST_CPU is gone when it could be read.
    static let kept: UInt8 = 0b1010
    /// Bit 2, RST_CPU. Going from 0 to 1 it starts the reset that bits 1 (SYS_RST) and 3 (FULL_RST) select.
    var resetCPU: Bool { rawValue[bit: 2] }
}

/// The PC's reset register at port 0xCF9. Hard, soft and full reset are one: the machine starts afresh.
///
/// Threading: any thread; the machine is called without a lock held. Reserved bits read zero.
package final class ResetControlRegister: ByteRegisterPortDevice {
    private let state = Mutex(RST_CNT())
    private let machine: any MachineControl

    package init(machine: any MachineControl) { self.machine = machine }

    package var portCount: UInt16 { 1 }
    package func readByte(at offset: UInt16) -> UInt8 { state.withLock { $0.rawValue } }
    package func writeByte(_ value: UInt8, at offset: UInt16) {
        state.withLock { $0.rawValue = value & RST_CNT.kept }
        if RST_CNT(rawValue: value).resetCPU { machine.request(.reset) }
    }
}
