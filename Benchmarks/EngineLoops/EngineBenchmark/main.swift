import Glibc
import SoftwareCPU
import VMMCore

// The software CPU's speed on five integer loops: engine-benchmark IMAGE, an image of `build-guest`.

struct Unreadable: Error {}

func contents(of path: String) throws -> [UInt8] {
    // SAFETY: the strings and buffers live through the calls.
    let descriptor = unsafe path.withCString { unsafe open($0, O_RDONLY) }
    guard descriptor >= 0 else { throw Unreadable() }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1 << 22)
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
    guard count > 0 else { throw Unreadable() }
    return Array(bytes[..<count])
}

/// Runs one loop on a fresh machine with 1 GiB of RAM mapped flat; gives instructions, nanoseconds and the result.
func run(_ loop: UInt64, _ image: [UInt8]) throws -> (instructions: UInt64, nanoseconds: UInt64, result: UInt64) {
    guard let range = GuestRange(start: GuestAddress(0x4000_0000), size: 64 << 20) else { throw Unreadable() }
    let memory = try GuestMemory([range])
    try memory.copyIn(image, to: GuestAddress(0x4008_0000))
    // One level 1 block: AF, inner shareable, attribute 0.
    try memory.store(0x4000_0000 | 0x701 as UInt64, at: GuestAddress(0x4000_0008))
    let clock = HostClock()
    let creation = clock.now
    let machine = try SoftwareVirtualMachine()
    try machine.map(memory)
    let cpu = try machine.makeVCPU(VCPUIndex(0))
    var registers = try cpu.registers()
    registers.pc = 0x4008_0000
    registers.x[0] = loop
    registers.sp_el1 = 0x4400_0000
    registers.mair_el1 = 0xFF
    registers.tcr_el1 = 25 | 1 << 23 | 2 << 32
    registers.ttbr0_el1 = 0x4000_0000
    registers.sctlr_el1 = 0x1005
    try cpu.setRegisters(registers)
    if loop == 0 { print("machine with its first vCPU made in \((clock.now - creation).rawValue / 1000) µs") }
    // The thread's own time: whoever else uses the host does not count.
    let start = clock.threadTime
    let exit = try cpu.run()
    let duration = clock.threadTime - start
    guard exit == .systemEvent(.powerOff) else {
        print("unexpected end: \(exit)")
        throw Unreadable()
    }
    return (cpu.executedInstructions, duration.rawValue, try cpu.registers().x[19])
}

guard CommandLine.arguments.count == 2 else {
    print("usage: engine-benchmark IMAGE")
    exit(2)
}
let image = try contents(of: CommandLine.arguments[1])
var total: (instructions: UInt64, nanoseconds: UInt64) = (0, 0)
for (index, name) in ["sieve", "crc32", "copy and strlen", "quicksort", "indirect calls"].enumerated() {
    let (instructions, nanoseconds, result) = try run(UInt64(index), image)
    total.instructions += instructions
    total.nanoseconds += nanoseconds
    print("\(name): \(instructions) instructions, \(instructions * 1000 / max(nanoseconds, 1)) MIPS, result \(result)")
}
print("all: \(total.instructions * 1000 / max(total.nanoseconds, 1)) MIPS")
