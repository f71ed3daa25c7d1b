import Debugger
import Synchronization
import VMMCore

/// A machine of some vCPUs that stands still: one page of memory at `memoryStart`, registers that remember.
final class FakeTarget: DebugTarget {
    struct State {
        var memory = (0..<4096).map { UInt8(truncatingIfNeeded: $0) }
        var registers: [[UInt128?]]
        var stopPoints: Set<StopPoint> = []
        var controls: [TargetControl] = []
    }

    static let memoryStart: UInt64 = 0xFFFF_8000_1000_0000

    let layout: RegisterLayout
    let vcpuCount: Int
    let stopPointLimit: Int
    let state: Mutex<State>

    init(vcpuCount: Int = 2, stopPointLimit: Int = .max, layout: RegisterLayout = RegisterMaps.arm64.layout) {
        self.layout = layout
        self.vcpuCount = vcpuCount
        self.stopPointLimit = stopPointLimit
        let values: [UInt128?] = layout.registers.indices.map { UInt128($0) }
        state = Mutex(State(registers: Array(repeating: values, count: vcpuCount)))
    }

    func registers(of vcpu: VCPUIndex) -> [UInt128?]? { state.withLock { $0.registers[vcpu.rawValue] } }

    func setRegisters(_ values: [Int: UInt128], of vcpu: VCPUIndex) -> Bool {
        state.withLock { for (number, value) in values { $0.registers[vcpu.rawValue][number] = value } }
        return true
    }

    private func range(_ address: GuestVirtualAddress, _ count: Int) -> Range<Int> {
        guard address.rawValue >= Self.memoryStart, address.rawValue - Self.memoryStart < 4096 else { return 0..<0 }
        let start = Int(address.rawValue - Self.memoryStart)
        return start..<min(4096, start + count)
    }

    func readMemory(at address: GuestVirtualAddress, count: Int, on vcpu: VCPUIndex) -> [UInt8] {
        state.withLock { Array($0.memory[range(address, count)]) }
    }

    func writeMemory(_ bytes: [UInt8], at address: GuestVirtualAddress, on vcpu: VCPUIndex) -> Bool {
        let range = range(address, bytes.count)
        guard range.count == bytes.count else { return false }
        state.withLock { $0.memory.replaceSubrange(range, with: bytes) }
        return true
    }

    func setStopPoints(_ points: Set<StopPoint>) -> Bool {
        guard points.count <= stopPointLimit else { return false }
        state.withLock { $0.stopPoints = points }
        return true
    }

    func control(_ control: TargetControl) { state.withLock { $0.controls.append(control) } }

    func describe(_ vcpu: VCPUIndex?) -> String { vcpu.map { "vCPU \($0.rawValue)" } ?? "a machine" }

    var controls: [TargetControl] { state.withLock { $0.controls } }
    var stopPoints: Set<StopPoint> { state.withLock { $0.stopPoints } }
}

/// A debugger at the other end of a session, which speaks in payloads.
final class Client {
    let target: FakeTarget
    var session: DebugSession

    init(_ target: FakeTarget = FakeTarget(), stoppedAt vcpu: Int = 0, _ cause: StopCause = .interrupted) {
        self.target = target
        session = DebugSession(target, stoppedAt: VCPUIndex(vcpu), cause)
        precondition(ask("QStartNoAckMode") == "OK")
        send(raw: Array("+".utf8))
    }

    func send(raw bytes: [UInt8]) { session.receive(bytes) }

    /// The answer to a packet; nil: none came.
    func ask(_ payload: String) -> String? { ask(bytes: Array(payload.utf8)) }

    func ask(bytes payload: [UInt8]) -> String? {
        send(raw: Packet.encoded(payload))
        return answer()
    }

    /// The next packet that the session sends.
    func answer() -> String? {
        var reader = PacketReader()
        for byte in session.takeOutput() {
            if case .packet(let payload) = reader.take(byte) { return String(decoding: payload, as: UTF8.self) }
        }
        return nil
    }
}
