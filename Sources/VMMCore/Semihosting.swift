/// Who answers the guest's semihosting calls (Arm: HLT #0xF000): a service of the host for programs without drivers.
///
/// Called on vCPU threads, on several at once. A guest can pass anything: nothing may trap.
package protocol SemihostingHandler: AnyObject, Sendable {
    /// - Parameters:
    ///   - operation: the number in W0.
    ///   - parameter: X1: a value, or the address of the call's parameters.
    ///   - memory: the guest's memory, as the calling CPU may access it; for this call only.
    func call(_ operation: UInt32, parameter: UInt64, memory: any GuestVirtualMemory) -> SemihostingResult
}

package enum SemihostingResult: Hashable, Sendable {
    /// The call is done, and X0 is this.
    case done(UInt64)
    /// Not now: the call is to be made again in a while.
    case wait
}

/// Memory by the virtual addresses of one CPU, with the permissions it has at present. Copies: what is read may have changed
/// already. On the CPU's thread.
package protocol GuestVirtualMemory {
    /// Nil: not all of it can be read, or it is not RAM.
    func read(_ address: UInt64, count: Int) -> [UInt8]?
    /// False: not all of it can be written, or it is not RAM; some may be written.
    func write(_ bytes: [UInt8], at address: UInt64) -> Bool
}

extension GuestVirtualMemory {
    /// Little-endian.
    package func readWord(_ address: UInt64) -> UInt64? {
        read(address, count: 8)?.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    package func writeWord(_ value: UInt64, at address: UInt64) -> Bool {
        write((0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }, at: address)
    }
}
