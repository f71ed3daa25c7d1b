internal import Synchronization
package import VMMCore

/// The PC's real-time clock and CMOS RAM: an MC146818 at two ports, the index (0x70) and the data (0x71).
///
/// The time is the host's wall clock in UTC until the guest sets it; from then on the difference is kept, for the life of
/// the machine. Time registers follow register B (BCD or binary, 12 or 24 hours); the century is at 0x32. The registers
/// start as PC firmware leaves them: A 0x26, B 0x02.
/// The interrupt (IRQ 8) is not wired: the alarm registers are RAM, AF and PF of register C stay clear, and UF tells a
/// program that polls. The day of the week follows the date.
///
/// Threading: any thread. Errors: a time that is none (month 13, BCD digit 10) is not taken when SET is cleared; the
/// clock goes on from where it was held.
/// Source: Motorola MC146818A data sheet.
package final class MC146818RTC: ByteRegisterPortDevice {
    private let clock: any Clock
    private let state: Mutex<MC146818State>

    package init(clock: any Clock) {
        self.clock = clock
        state = Mutex(MC146818State(hostTime: clock.realTime))
    }

    package var portCount: UInt16 { 2 }

    /// The index port cannot be read back, as on a PC.
    package func readByte(at offset: UInt16) -> UInt8 {
        guard offset == 1 else { return 0xFF }
        let now = clock.realTime
        return state.withLock { $0.readData(hostTime: now) }
    }

    package func writeByte(_ value: UInt8, at offset: UInt16) {
        let now = clock.realTime
        state.withLock { state in
            switch offset {
            case 0: state.writeIndex(value)
            case 1: state.writeData(value, hostTime: now)
            default: break
            }
        }
    }

    /// The guest masked NMI with bit 7 of the index port.
    package var masksNMI: Bool { state.withLock { $0.index[bit: 7] } }
}
