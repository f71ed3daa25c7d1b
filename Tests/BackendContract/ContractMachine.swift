import VMMCore
import VMMTestSupport

/// A machine of one backend with memory and a boot CPU at the start of a program.
final class ContractMachine<Backend: ContractBackend>: Sendable {
    let backend: Backend
    let machine: Backend.Machine
    let memory: GuestMemory
    let cpus: [Backend.Machine.CPU]
    var cpu: Backend.Machine.CPU { cpus[0] }
    private let watchdog: GuestWatchdog

    init(_ backend: Backend, vcpuCount: Int = 1, _ program: GuestProgram) throws {
        self.backend = backend
        let ranges = [
            GuestRange(start: GuestAddress(0), size: ContractLayout.lowRAM),
            GuestRange(start: ContractLayout.highRAM, size: ContractLayout.highRAMSize),
        ]
        memory = try GuestMemory(ranges.compactMap { $0 })
        machine = try backend.makeMachine(vcpuCount: vcpuCount)
        try machine.map(memory)
        var cpus: [Backend.Machine.CPU] = []
        for index in 0..<vcpuCount { cpus.append(try machine.makeVCPU(VCPUIndex(index))) }
        self.cpus = cpus
        watchdog = GuestWatchdog(cpus)
        try memory.copyIn(Backend.Assembler.assemble(program), to: ContractLayout.code)
        let reset = try cpus[0].registers()
        try cpus[0].setRegisters(backend.bootRegisters(entry: ContractLayout.code, reset: reset, memory: memory))
    }

    func loadSecondary(_ program: GuestProgram) throws {
        try memory.copyIn(Backend.Assembler.assembleSecondary(program), to: ContractLayout.secondaryCode)
    }

    /// What RAM holds after `saveAccumulator(ContractLayout.data)`.
    func accumulator() throws -> UInt64 { try memory.load(UInt64.self, at: ContractLayout.data) }
}

extension GuestProgram.Operation {
    /// The end of a program, as `marker` in the exits.
    static let end = Self.write(ContractLayout.device, .byte, 0xED)
}

extension VCPUExit {
    /// The exit of `GuestProgram.Operation.end`.
    static let end = Self.mmioWrite(address: ContractLayout.device, width: .byte, value: 0xED)
}
