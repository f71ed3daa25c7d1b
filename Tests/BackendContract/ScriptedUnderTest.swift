import VMMCore
import VMMTestSupport

/// The scripted backend.
struct ScriptedUnderTest: ContractBackend {
    typealias Assembler = ScriptedAssembler

    let hasPorts = true
    let description = "scripted"

    func makeMachine(vcpuCount: Int) throws -> ScriptedMachine { ScriptedMachine() }

    func bootRegisters(
        entry: GuestAddress, reset: ScriptedRegisters, memory: GuestMemory
    ) throws -> ScriptedRegisters {
        var registers = reset
        registers.programCounter = entry.rawValue
        return registers
    }

    func changed(_ registers: ScriptedRegisters) -> ScriptedRegisters {
        var changed = registers
        changed.programCounter = 0x9000
        changed.accumulator = ~0
        changed.counter = 3
        return changed
    }

    func programCounter(_ registers: ScriptedRegisters) -> UInt64 { registers.programCounter }
}

enum ScriptedAssembler: GuestAssembler {
    static func assemble(_ program: GuestProgram) -> [UInt8] {
        assemble(program.operations, at: ContractLayout.code).flatMap(\.bytes)
    }

    static func assembleSecondary(_ program: GuestProgram) -> [UInt8] {
        assemble(program.operations, at: ContractLayout.secondaryCode).flatMap(\.bytes)
    }

    private static func assemble(_ operations: [GuestProgram.Operation], at start: GuestAddress)
        -> [ScriptedInstruction]
    {
        var code: [ScriptedInstruction] = []
        for operation in operations {
            switch operation {
            case .write(let address, let width, let value):
                code.append(.init(.write, width: width, address: address, value: value))
            case .read(let address, let width): code.append(.init(.read, width: width, address: address))
            case .saveAccumulator(let address): code.append(.init(.save, address: address))
            case .portWrite(let port, let width, let value):
                code.append(.init(.portWrite, width: width, port: port, value: UInt64(value)))
            case .portRead(let port, let width): code.append(.init(.portRead, width: width, port: port))
            case .stringWrite(let port, let width, let address, let count):
                code.append(.init(.stringWrite, width: width, port: port, count: count, address: address))
            case .stringRead(let port, let width, let address, let count):
                code.append(.init(.stringRead, width: width, port: port, count: count, address: address))
            case .loop(let count, let body):
                code.append(.init(.setCounter, count: count))
                let target = GuestAddress(start.rawValue + UInt64(code.count) * ScriptedInstruction.size)
                code += assemble(body, at: target)
                code.append(.init(.decrementAndJump, address: target))
            case .waitUntilSet(let address): code.append(.init(.waitUntilSet, address: address))
            case .startProcessor(let index, let entry):
                code.append(.init(.startProcessor, address: entry, value: UInt64(index.rawValue)))
            case .halt: code.append(.init(.halt))
            case .spin: code.append(.init(.spin))
            case .shutdown: code.append(.init(.shutdown))
            }
        }
        return code
    }
}
