#if arch(x86_64)
    import KVMBackend
    import Testing
    import VMMCore

    /// The CPU's debug registers as a debugger's points. Source: Intel SDM vol. 3B, 18.2.
    @Suite(.enabled(if: KVMGuest.host != nil, "no usable /dev/kvm")) struct KVMDebugPointTests {
        /// 0x1000 mov al, 5; 0x1002 mov [0x600], al; 0x1005 nop; 0x1006 mov dx, 0x510; 0x1009 out dx, al.
        private static let code: [UInt8] = [0xB0, 5, 0xA2, 0x00, 0x06, 0x90, 0xBA, 0x10, 0x05, 0xEE]

        private func watch(_ address: UInt64, _ size: UInt64, reads: Bool = false, writes: Bool = true) -> Watchpoint {
            Watchpoint(address: GuestVirtualAddress(address), size: size, isOnReads: reads, isOnWrites: writes)
        }

        @Test("a breakpoint stops before its instruction; taken away, the guest goes on", .stopsAtCode)
        func breakpoint() throws {
            let guest = try KVMGuest(Self.code)
            #expect(try guest.cpu.setDebugPoints(DebugPointSet(breakpoints: [GuestVirtualAddress(0x1005)])))
            #expect(try guest.cpu.run() == .debug(address: GuestVirtualAddress(0x1005), reason: .breakpoint))
            #expect(try guest.cpu.registers().rip == 0x1005)
            #expect(try guest.cpu.setDebugPoints(DebugPointSet()))
            #expect(try guest.cpu.run() == .portWrite(port: 0x510, width: .byte, value: 5))
        }

        @Test("steps from a breakpoint go on behind it, one instruction each", .stopsAtCode)
        func steps() throws {
            let guest = try KVMGuest(Self.code)
            #expect(try guest.cpu.setDebugPoints(DebugPointSet(breakpoints: [GuestVirtualAddress(0x1002)])))
            #expect(try guest.cpu.run() == .debug(address: GuestVirtualAddress(0x1002), reason: .breakpoint))
            #expect(try guest.cpu.setDebugPoints(DebugPointSet()))
            try guest.cpu.setSingleStep(true)
            #expect(try guest.cpu.run() == .debug(address: GuestVirtualAddress(0x1005), reason: .step))
            #expect(try guest.cpu.run() == .debug(address: GuestVirtualAddress(0x1006), reason: .step))
            try guest.cpu.setSingleStep(false)
            #expect(try guest.cpu.run() == .portWrite(port: 0x510, width: .byte, value: 5))
        }

        @Test("four registers are what there is: a fifth point is refused, and the old ones stay", .stopsAtCode)
        func limit() throws {
            let guest = try KVMGuest(Self.code)
            let four = Set((0..<4).map { GuestVirtualAddress(0x1005 + $0 * 0x100) })
            #expect(try guest.cpu.setDebugPoints(DebugPointSet(breakpoints: four)))
            #expect(
                try !guest.cpu.setDebugPoints(DebugPointSet(breakpoints: four.union([GuestVirtualAddress(0x9000)]))))
            #expect(try guest.cpu.run() == .debug(address: GuestVirtualAddress(0x1005), reason: .breakpoint))
        }

        @Test("without breakpoints each is refused", .enabled(if: !KVMHost.debugPoints.stopAtCode, "KVM has them here"))
        func refusedBreakpoint() throws {
            let guest = try KVMGuest(Self.code)
            #expect(try !guest.cpu.setDebugPoints(DebugPointSet(breakpoints: [GuestVirtualAddress(0x1005)])))
        }

        @Test(
            "without data breakpoints every watchpoint is refused",
            .enabled(if: !KVMHost.debugPoints.stopAtData, "KVM has them here"))
        func refusedWatchpoint() throws {
            let guest = try KVMGuest(Self.code)
            #expect(try !guest.cpu.setDebugPoints(DebugPointSet(watchpoints: [watch(0x600, 1)])))
        }

        @Test("a watched range takes a register for each aligned piece; reads alone cannot be watched", .stopsAtData)
        func ranges() throws {
            let guest = try KVMGuest(Self.code)
            func canWatch(_ points: Watchpoint...) throws -> Bool {
                try guest.cpu.setDebugPoints(DebugPointSet(watchpoints: points))
            }
            #expect(try canWatch(watch(0x600, 8), watch(0x610, 4), watch(0x620, 2), watch(0x630, 1)))
            #expect(try canWatch(watch(0x601, 7)))
            #expect(try canWatch(watch(0x600, 32)))
            #expect(try !canWatch(watch(0x601, 32)))
            #expect(try !canWatch(watch(0x600, .max)))
            #expect(try canWatch(watch(0x600, 4, reads: true)))
            #expect(try !canWatch(watch(0x600, 4, reads: true, writes: false)))
        }

        @Test("§18.2.5: a watched store is told behind its instruction", .stopsAtData)
        func watchpoint() throws {
            let guest = try KVMGuest(Self.code)
            #expect(try guest.cpu.setDebugPoints(DebugPointSet(watchpoints: [watch(0x600, 1)])))
            let exit = try guest.cpu.run()
            #expect(
                exit
                    == .debug(
                        address: GuestVirtualAddress(0x1005),
                        reason: .watchpoint(accessed: GuestVirtualAddress(0x600), isWrite: true)))
        }
    }

    extension Trait where Self == ConditionTrait {
        fileprivate static var stopsAtCode: Self {
            .enabled(if: KVMHost.debugPoints.stopAtCode, "this KVM takes no notice of breakpoints in kernel mode")
        }

        fileprivate static var stopsAtData: Self {
            .enabled(if: KVMHost.debugPoints.stopAtData, "this KVM takes no notice of data breakpoints in kernel mode")
        }
    }
#endif
