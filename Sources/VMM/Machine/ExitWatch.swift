package import VMMCore

/// Those who are told of each exit: a timeline, a trace, or both. A machine that nobody watches has none, and asks no further.
final class ExitWatch: Sendable {
    private let observer: (any ExitObserver)?
    private let tracer: Tracer?
    private let buses: MachineBuses

    /// Nil when there is nobody to tell.
    init?(observer: (any ExitObserver)?, tracer: Tracer?, buses: MachineBuses) {
        if observer == nil, tracer == nil { return nil }
        self.observer = observer
        self.tracer = tracer
        self.buses = buses
    }

    /// Tells of an exit, on the vCPU's thread.
    ///
    /// - Parameter value: what was read or written; nil when the exit is no access to a device.
    @inline(never)
    func tell(_ exit: VCPUExit, of index: VCPUIndex, _ value: UInt64?) {
        observer?.note(exit.kind, on: index)
        if let tracer, let value { traceAccess(exit, of: index, value, tracer) }
    }

    private func traceAccess(_ exit: VCPUExit, of index: VCPUIndex, _ value: UInt64, _ tracer: Tracer) {
        switch exit {
        case .mmioRead(let address, let width), .mmioWrite(let address, let width, _):
            let device = buses.mmio.entries.first { $0.range.contains(address) }?.device
            var isWrite = false
            if case .mmioWrite = exit { isWrite = true }
            tracer.access(
                index, isWrite: isWrite, at: address.rawValue, width, value: value, device: device ?? "(no device)")
        case .portRead(let port, let width), .portWrite(let port, let width, _):
            let device = buses.ports.entries.first { $0.range.contains(port) }?.device
            var isWrite = false
            if case .portWrite = exit { isWrite = true }
            tracer.access(
                index, isWrite: isWrite, at: UInt64(port), width, value: value, device: device ?? "(no device)",
                isPort: true)
        default: break
        }
    }
}

/// Told of each exit, on the vCPU's thread, while a timeline is recorded.
package protocol ExitObserver: AnyObject, Sendable {
    func note(_ kind: ExitKind, on vcpu: VCPUIndex)
}
