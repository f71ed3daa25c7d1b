import SoftwareCPU
import VMMCore

/// The software CPU, arm64, with the MMU off: addresses are physical.
struct SoftwareUnderTest: ContractBackend {
    typealias Assembler = A64Assembler

    let hasPorts = false
    let description = "software CPU"

    func makeMachine(vcpuCount: Int) throws -> SoftwareVirtualMachine {
        try SoftwareVirtualMachine(configuration: .init(vcpuCount: vcpuCount))
    }

    func bootRegisters(entry: GuestAddress, reset: ARM64Registers, memory: GuestMemory) throws -> ARM64Registers {
        ARM64Contract.bootRegisters(entry: entry, reset: reset)
    }

    func changed(_ registers: ARM64Registers) -> ARM64Registers { ARM64Contract.changed(registers) }

    func programCounter(_ registers: ARM64Registers) -> UInt64 { registers.pc }
}
