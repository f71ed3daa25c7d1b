/// How an x86 CPU's APIC identifier is made of the numbers of its socket, core and thread: a field of bits for each.
///
/// Where a number of threads or cores is no power of two its field has values that no CPU has, and the identifiers of a
/// machine's CPUs are not consecutive. Source: Intel SDM vol. 3A §9.9.1; AMD APM vol. 3, appendix E.5.1.
package struct APICIDLayout: Hashable, Sendable {
    private let topology: CPUTopology
    /// Bits of the thread's number.
    package let coreShift: UInt32
    /// Bits of the thread's and the core's number.
    package let socketShift: UInt32

    package init(_ topology: CPUTopology) {
        func bits(_ count: Int) -> UInt32 { UInt32(Int.bitWidth - (count - 1).leadingZeroBitCount) }
        self.topology = topology
        coreShift = bits(topology.threads)
        socketShift = coreShift + bits(topology.cores)
    }

    package func identifier(ofCPU index: Int) -> UInt32 {
        let place = topology.place(ofCPU: index)
        let socket = UInt32(truncatingIfNeeded: place.socket) << socketShift
        let core = UInt32(truncatingIfNeeded: place.core) << coreShift
        return socket | core | UInt32(truncatingIfNeeded: place.thread)
    }

    /// Whether each CPU's identifier is its index, as the machines here have it.
    package var isConsecutive: Bool {
        let hasOneCore = topology.sockets == 1 && topology.cores == 1
        guard hasOneCore || topology.threads.nonzeroBitCount == 1 else { return false }
        return topology.sockets == 1 || topology.cpusOfSocket.nonzeroBitCount == 1
    }
}
