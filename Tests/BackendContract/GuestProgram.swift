import VMMCore

/// A guest program in operations that every architecture has. An assembler turns it into machine code.
///
/// A program has one accumulator: reads load it, `saveAccumulator` stores it.
struct GuestProgram: Sendable {
    indirect enum Operation: Sendable {
        /// Writes to RAM or to a device: which of the two is the address's business.
        case write(GuestAddress, AccessWidth, UInt64)
        /// Loads the accumulator, zero-extended.
        case read(GuestAddress, AccessWidth)
        case saveAccumulator(GuestAddress)
        case portWrite(UInt16, AccessWidth, UInt32)
        case portRead(UInt16, AccessWidth)
        /// `count` elements between one port and successive RAM: one instruction where the architecture has one.
        case stringWrite(port: UInt16, AccessWidth, from: GuestAddress, count: UInt32)
        case stringRead(port: UInt16, AccessWidth, to: GuestAddress, count: UInt32)
        /// Runs the body `count` times, at least once. Loops do not nest.
        case loop(count: UInt32, [Operation])
        /// Waits, without stopping, until the byte at the address is not 0.
        case waitUntilSet(GuestAddress)
        /// Brings up another CPU at `entry`, which is page-aligned and below 1 MiB.
        case startProcessor(VCPUIndex, entry: GuestAddress)
        case halt
        case spin
        /// Something after which the CPU cannot go on: x86: a triple fault.
        case shutdown
    }

    var operations: [Operation]

    init(_ operations: [Operation]) { self.operations = operations }
    init(_ operations: Operation...) { self.operations = operations }
}

/// Turns programs into an architecture's machine code.
protocol GuestAssembler {
    /// Code for the boot CPU, with an identity map of at least the low 4 GiB. Addresses in the program are below it.
    static func assemble(_ program: GuestProgram) -> [UInt8]

    /// Code for a CPU that `startProcessor` brings up. Of the program's operations it may use byte `write`s and `waitUntilSet`
    /// below 64 KiB, byte `portWrite`s, `spin` and `halt`.
    static func assembleSecondary(_ program: GuestProgram) -> [UInt8]
}

/// A machine to run programs on: one implementation a backend.
protocol ContractBackend: Sendable, CustomStringConvertible {
    associatedtype Machine: VirtualMachine where Machine.CPU.Registers: Equatable
    associatedtype Assembler: GuestAssembler

    /// A machine without memory and vCPUs.
    func makeMachine(vcpuCount: Int) throws -> Machine

    /// Registers that make a fresh boot CPU run assembled code at `entry`, from its reset state `reset`. May use memory below
    /// `ContractLayout.firstFree`.
    func bootRegisters(
        entry: GuestAddress, reset: Machine.CPU.Registers, memory: GuestMemory
    ) throws -> Machine.CPU.Registers

    /// Other registers of the same kind, with as many changed as a guest at rest allows.
    func changed(_ registers: Machine.CPU.Registers) -> Machine.CPU.Registers

    func programCounter(_ registers: Machine.CPU.Registers) -> UInt64

    /// The CPU has I/O ports, so that the clauses about them apply.
    var hasPorts: Bool { get }
}

extension ContractBackend {
    /// The end of a secondary CPU's program, and the exit that it makes.
    var secondaryEnd: (operation: GuestProgram.Operation, exit: VCPUExit) {
        hasPorts
            ? (
                .portWrite(ContractLayout.port, .byte, 0x42),
                .portWrite(port: ContractLayout.port, width: .byte, value: 0x42)
            )
            : (
                .write(ContractLayout.device, .byte, 0x42),
                .mmioWrite(address: ContractLayout.device, width: .byte, value: 0x42)
            )
    }
}

/// Where things are in a contract test's machine.
enum ContractLayout {
    static let lowRAM: UInt64 = 0x10_0000
    /// A second region, so that there is a hole between two.
    static let highRAM = GuestAddress(0x20_0000)
    static let highRAMSize: UInt64 = 0x2_0000
    static let firstFree = GuestAddress(0x8000)
    static let code = GuestAddress(0x8000)
    static let secondaryCode = GuestAddress(0x9000)
    static let flagA = GuestAddress(0xA000)
    static let flagB = GuestAddress(0xA008)
    static let data = GuestAddress(0x1_0000)
    /// No RAM and nothing of the backend's.
    static let device = GuestAddress(0x1000_0000)
    static let port: UInt16 = 0x510
}
