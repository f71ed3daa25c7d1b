internal import VMMTestSupport

/// 64-bit machine code, put together by hand. Opcodes: Intel SDM vol. 2.
struct X86Code {
    private(set) var bytes: [UInt8] = []

    init() {}

    init(_ build: (inout X86Code) -> Void) { build(&self) }

    mutating func put(_ new: UInt8...) { bytes += new }

    /// mov eax, value; mov edx, port; out dx, eax (or ax, or al)
    mutating func out(_ port: UInt16, _ value: UInt32, bits: Int) {
        put(0xB8)
        bytes += value.littleEndianBytes
        setPort(port)
        switch bits {
        case 8: put(0xEE)
        case 16: put(0x66, 0xEF)
        default: put(0xEF)
        }
    }

    /// mov edx, port; in eax, dx
    mutating func inDoubleword(_ port: UInt16) {
        setPort(port)
        put(0xED)
    }

    mutating func setPort(_ port: UInt16) {
        put(0xBA)
        bytes += UInt32(port).littleEndianBytes
    }

    /// Turns EDX away from the ports of a range, to one where nothing is. Changes ECX.
    mutating func avoidPorts(_ range: ClosedRange<UInt16>) {
        put(0x89, 0xD1)  // mov ecx, edx
        put(0x81, 0xE9)  // sub ecx, first
        self.bytes += UInt32(range.lowerBound).littleEndianBytes
        put(0x81, 0xF9)  // cmp ecx, length
        self.bytes += UInt32(range.count - 1).littleEndianBytes
        put(0x77, 0x05)  // ja over the mov
        setPort(0x510)
    }

    /// Prints on bvmconsole.
    mutating func print(_ text: String) {
        for byte in text.utf8 { out(0x220, UInt32(byte), bits: 32) }
    }

    /// cli; hlt
    mutating func halt() { put(0xFA, 0xF4) }

    /// jmp to itself
    mutating func spin() { put(0xEB, 0xFE) }

    /// Runs `body` again and again.
    mutating func forever(_ body: (inout X86Code) -> Void) {
        let start = bytes.count
        body(&self)
        put(0xE9)
        bytes += Int32(start - (bytes.count + 4)).littleEndianBytes
    }
}

extension X86Code {
    /// An ELF64 executable with this code at 1 MiB, entered in 64-bit mode.
    var image: [UInt8] { ELFImageBuilder(entry: 0x10_0000, segments: [.init(at: 0x10_0000, bytes)]).build() }

    /// Writes the image to a file of `directory`, and gives its path.
    func write(to directory: TemporaryDirectory) throws -> String { try directory.file("guest.elf", image) }
}
