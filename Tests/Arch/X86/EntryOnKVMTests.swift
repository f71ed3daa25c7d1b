#if arch(x86_64)
    import Boot
    import GuestKernel
    import KVMBackend
    import Testing
    import VMMCore
    import VMMTestSupport
    import X86

    /// What a guest sees at each entry: a few instructions write it to a port, on a real virtual CPU.
    @Suite("Entries, run on KVM", .enabled(if: KVMForEntryTests.isAvailable, "/dev/kvm cannot be opened"))
    struct EntryOnKVMTests {
        /// Boots `image` and collects the first `count` values that the guest writes to a port.
        private func run(_ image: BootImage, configuration: BootConfiguration, count: Int) throws -> [UInt32] {
            let plan = try X86Boot.plan(image: image, configuration: configuration)
            let memory = try GuestMemory(plan.ramRanges)
            let registers = try plan.load(into: memory)
            let machine = try KVMVirtualMachine(host: try KVMHost())
            try machine.map(memory)
            let vcpu = try machine.makeVCPU(VCPUIndex(0))
            try vcpu.setRegisters(registers)
            var values: [UInt32] = []
            while values.count < count {
                switch try vcpu.run() {
                case .portWrite(_, _, let value): values.append(value)
                case .portRead: vcpu.completeRead(0)
                case .interrupted: continue
                case let exit:
                    Issue.record("the guest stopped with \(exit) at \(try vcpu.registers().rip)")
                    return values
                }
            }
            return values
        }

        // mov eax,[rsp+4]; mov edx,0x224; out dx,eax; mov esi,eax; mov eax,[rsp+8]; out dx,eax; mov eax,[rsi]; out dx,eax;
        // lea rax,[rip]; shr rax,32; out dx,eax; push rax; pop rax; hlt
        private let metadataProbe: [UInt8] = [
            0x8B, 0x44, 0x24, 0x04, 0xBA, 0x24, 0x02, 0x00, 0x00, 0xEF, 0x89, 0xC6, 0x8B, 0x44, 0x24, 0x08, 0xEF, 0x8B,
            0x06,
            0xEF, 0x48, 0x8D, 0x05, 0x00, 0x00, 0x00, 0x00, 0x48, 0xC1, 0xE8, 0x20, 0x50, 0x58, 0xEF, 0xF4,
        ]

        @Test("FreeBSD's protocol: modulep and kernend on the stack, a NAME record at modulep, RIP as linked")
        func metadata() throws {
            for base in [0, 0xFFFF_FFFF_8000_0000] as [UInt64] {
                var builder = ELFImageBuilder(
                    entry: base + 0x20_0000, segments: [.init(at: base + 0x20_0000, metadataProbe)])
                builder.osABI = 9
                let values = try run(
                    BootImage(builder.build()), configuration: BootConfiguration(memorySize: 16 << 20), count: 4)
                #expect(values == [0x20_2000, 0x20_3000, 1, UInt32(base >> 32)])
            }
        }

        @Test("PVH: EBX at the magic number, CR0 with PE and no paging")
        func pvh() throws {
            // mov edx,0x224; mov eax,ebx; out dx,eax; mov eax,[ebx]; out dx,eax; mov eax,cr0; out dx,eax; hlt
            let probe: [UInt8] = [
                0xBA, 0x24, 0x02, 0x00, 0x00, 0x89, 0xD8, 0xEF, 0x8B, 0x03, 0xEF, 0x0F, 0x20, 0xC0, 0xEF, 0xF4,
            ]
            var builder = ELFImageBuilder(entry: 0, segments: [.init(at: 0x10_0000, probe)])
            builder.notes = [ELFImageBuilder.pvhNote(0x10_0000)]
            let values = try run(
                BootImage(builder.build()), configuration: BootConfiguration(memorySize: 16 << 20), count: 3)
            #expect(values.prefix(2) == [0x6000, 0x336E_C578])
            #expect(values.last.map { $0 & 0x8000_0001 } == 1)
        }

        @Test("the plain 64-bit entry: RSI at boot_params with its header")
        func plain() throws {
            // mov edx,0x224; mov rax,rsi; out dx,eax; mov eax,[rsi+0x202]; out dx,eax; push rax; pop rax; out dx,eax; hlt
            let probe: [UInt8] = [
                0xBA, 0x24, 0x02, 0x00, 0x00, 0x48, 0x89, 0xF0, 0xEF, 0x8B, 0x86, 0x02, 0x02, 0x00, 0x00, 0xEF, 0x50,
                0x58,
                0xEF, 0xF4,
            ]
            let builder = ELFImageBuilder(entry: 0x10_0000, segments: [.init(at: 0x10_0000, probe)])
            let values = try run(
                BootImage(builder.build()), configuration: BootConfiguration(memorySize: 16 << 20), count: 3)
            #expect(values == [0x6000, 0x5372_6448, 0x5372_6448])
        }

        @Test("the unikernel of this build writes to a port, entered by metadata and by PVH")
        func unikernel() throws {
            let bytes = GuestImage.bytes(for: .x86_64)
            let image = BootImage(bytes)
            #expect(image.support(on: .x86_64) == .bootable(.freeBSDMetadata))
            let configuration = BootConfiguration(memorySize: 64 << 20)
            #expect(try run(image, configuration: configuration, count: 1).count == 1)

            // Without swvmm's note the PVH note counts.
            var other = bytes
            let name = Array("swvmm\0".utf8)
            let note = try #require(bytes.indices.dropLast(8).first { bytes[$0..<$0 + 6].elementsEqual(name) })
            other[note] = UInt8(ascii: "x")
            #expect(BootImage(other).support(on: .x86_64) == .bootable(.pvh))
            #expect(try run(BootImage(other), configuration: configuration, count: 1).count == 1)
        }
    }

    enum KVMForEntryTests {
        static let isAvailable: Bool = (try? KVMHost()) != nil
    }
#endif
