import Boot
import Testing
import VMMCore

@testable import VMM

/// What is said of guests that seem dead: pure decisions.
@Suite struct DiagnosisTests {
    private func linux(
        _ line: String, on architecture: MachineConfiguration.Architecture = .arm64,
        _ change: (inout GuestFacts) -> Void = { _ in }
    ) -> GuestFacts {
        var guest = GuestFacts(architecture: architecture)
        guest.commandLine = LinuxCommandLine(line)
        guest.hasInitrd = true
        change(&guest)
        return guest
    }

    private func cpu(
        _ index: Int = 0, _ activity: CPUSituation.Activity = .running, interrupts: Bool = true, handlers: Bool = true
    ) -> CPUSituation {
        CPUSituation(
            index: VCPUIndex(index), mode: .x86Long, activity: activity, takesInterrupts: interrupts,
            hasHandlers: handlers, programCounter: 0x10_0000)
    }

    private func advice(
        _ guest: GuestFacts, _ occasion: Diagnosis.Occasion = .silence(seconds: 5), hasPrinted: Bool = false
    ) -> [Diagnosis.Advice] {
        Diagnosis(occasion, of: guest, cpus: [cpu()], hasPrinted: hasPrinted)?.advice ?? []
    }

    // MARK: - The console

    @Test("a silent Linux: its early console, unless that is on")
    func earlyConsole() {
        #expect(advice(linux("")) == [.earlyConsole, .debugger])
        #expect(advice(linux("earlycon")) == [.debugger])
        #expect(advice(linux("earlyprintk=serial")) == [.debugger])
        #expect(advice(linux("quiet")) == [.quiet, .earlyConsole, .debugger])
    }

    @Test("a console that the machine has not; one of several suffices")
    func consoles() {
        let missing = { (name: String, instead: [String]) in Diagnosis.Advice.noSuchConsole(name, instead: instead) }
        #expect(advice(linux("console=ttyS0,115200 earlycon")).first == missing("ttyS0", ["ttyAMA0"]))
        #expect(advice(linux("console=ttyAMA0 earlycon", on: .x86_64)).first == missing("ttyAMA0", ["ttyS0"]))
        #expect(advice(linux("console=hvc0 earlycon")).first == missing("hvc0", ["ttyAMA0"]))
        #expect(advice(linux("console=hvc0 earlycon") { $0.console = .virtio }) == [.debugger])
        #expect(advice(linux("console=ttyAMA0 console=tty0 earlycon")) == [.debugger])
    }

    @Test("of other guests only what they access that is not there")
    func otherGuests() {
        #expect(advice(linux("console=x root=/dev/sda") { $0.isLinux = false }) == [.verbose, .debugger])
    }

    // MARK: - The root file system

    @Test(
        "root= against the disks that are there",
        arguments: [
            ("/dev/vda", 0, Diagnosis.RootProblem.missing("/dev/vda", count: 0)),
            ("/dev/vda2", 1, nil), ("/dev/vdb1", 1, .missing("/dev/vdb1", count: 1)), ("/dev/vdb1", 2, nil),
            ("/dev/vdz", 26, nil), ("/dev/vdaa", 26, .missing("/dev/vdaa", count: 26)), ("/dev/vdaa", 27, nil),
            ("/dev/sda1", 1, .foreign("/dev/sda1")), ("/dev/nvme0n1p1", 1, .foreign("/dev/nvme0n1p1")),
            ("PARTUUID=1-2", 0, .missing("PARTUUID=1-2", count: 0)), ("UUID=1", 1, nil),
            ("/dev/pmem0", 1, .missing("/dev/pmem0", count: 0)), ("/dev/ram0", 0, nil), ("/dev/vd", 0, nil),
            ("", 0, nil),
        ])
    func root(root: String, disks: Int, expected: Diagnosis.RootProblem?) {
        let guest = linux("root=\(root)") { $0.diskCount = disks }
        let found = advice(guest, .end(.timedOut), hasPrinted: true)
        #expect(found == (expected.map { [.root($0)] } ?? []))
    }

    @Test("without an initrd the kernel needs its own drivers, or has nothing to start")
    func noInitrd() {
        let bare = { (line: String, disks: Int) in
            self.advice(
                self.linux(line) { ($0.hasInitrd, $0.diskCount) = (false, disks) }, .end(.guestPanicked),
                hasPrinted: true)
        }
        #expect(bare("root=/dev/vda", 1) == [.root(.needsBuiltInDriver("/dev/vda"))])
        #expect(bare("root=/dev/vdb", 1) == [.root(.missing("/dev/vdb", count: 1))])
        #expect(bare("", 1) == [.root(.none)])
        #expect(bare("root=share rootfstype=9p", 0).isEmpty)
        #expect(bare("-- root=/dev/vda", 1) == [.root(.none)])
    }

    // MARK: - Ends

    @Test("a triple fault: the CPU that had it, and whether it had handlers")
    func tripleFault() throws {
        let occasion = Diagnosis.Occasion.end(.vcpuStopped(VCPUIndex(1), .tripleFault))
        let cpus = [cpu(0), cpu(1, handlers: false)]
        let diagnosis = try #require(Diagnosis(occasion, of: linux(""), cpus: cpus, hasPrinted: true))
        #expect(diagnosis.cpus == [cpus[1]])
        #expect(diagnosis.advice == [.noHandlers, .debugger])
        let second = Diagnosis(occasion, of: linux(""), cpus: [cpu(0), cpu(1)], hasPrinted: true)
        #expect(second?.advice == [.debugger])
    }

    @Test("an instruction that KVM does not know, and a state that the hardware does not enter")
    func kvmFailures() {
        let bytes = InstructionBytes([0x0F, 0x01, 0xD0])
        for (failure, expected) in [
            (.internalError(suberror: 1, instruction: bytes), [.interpretingKVM, .debugger]),
            (.internalError(suberror: 3, instruction: bytes), [.debugger]),
            (.entryRefused(hardwareReason: 0x8000_0021), [.entryRefused, .debugger]),
        ] as [(VCPURunFailure, [Diagnosis.Advice])] {
            let reason = StopReason.vcpuStopped(VCPUIndex(0), .runFailure(failure))
            #expect(advice(linux(""), .end(reason), hasPrinted: true) == expected)
        }
    }

    @Test("a KVM that interprets comes first: the guest may just be slow")
    func interpreted() {
        let diagnosis = Diagnosis(
            .silence(seconds: 5), of: linux("earlycon"), cpus: [cpu()], hasPrinted: false, isInterpreted: true)
        #expect(diagnosis?.advice == [.slowKVM, .debugger])
    }

    @Test("nothing to say: a timeout of a guest that printed; what was said is not said again")
    func nothing() {
        #expect(Diagnosis(.end(.timedOut), of: linux(""), cpus: [cpu()], hasPrinted: true) == nil)
        let again = Diagnosis(
            .end(.timedOut), of: linux("quiet"), cpus: [cpu()], hasPrinted: false, saidBefore: [.quiet, .earlyConsole])
        #expect(again == nil)
    }

    // MARK: - When

    @Test("silence is told once, at the first look; a guest that printed is none")
    func silence() {
        var schedule = WatchSchedule(isQuiet: false)
        #expect(schedule.pause == 5)
        schedule.advance()
        #expect(schedule.occasion([cpu()], hasPrinted: true) == nil)
        #expect(schedule.occasion([cpu()], hasPrinted: false) == .silence(seconds: 5))
        schedule.advance()
        #expect(schedule.occasion([cpu()], hasPrinted: false) == nil)
        #expect(WatchSchedule(isQuiet: true).pause > 5)
    }

    @Test("looks become rare, up to one a minute")
    func pauses() {
        var schedule = WatchSchedule(isQuiet: false)
        let pauses = (0..<6).map { _ in
            schedule.advance()
            return schedule.pause
        }
        #expect(pauses == [10, 20, 40, 60, 60, 60])
    }

    @Test("a standstill is all started CPUs halted with interrupts off, told once, also of a guest that printed")
    func standstill() {
        let halted = cpu(0, .waiting, interrupts: false)
        var schedule = WatchSchedule(isQuiet: false)
        schedule.advance()
        #expect(schedule.occasion([halted, cpu(1, .waiting)], hasPrinted: true) == nil)
        #expect(schedule.occasion([halted, cpu(1)], hasPrinted: true) == nil)
        #expect(schedule.occasion([cpu(0, .notStarted)], hasPrinted: true) == nil)
        #expect(schedule.occasion([halted, cpu(1, .notStarted)], hasPrinted: true) == .standstill)
        #expect(schedule.occasion([halted], hasPrinted: false) == nil)
    }

    // MARK: - Situations

    private func surroundings(_ bytes: [UInt8] = [0, 0, 0, 0], _ exits: [VCPUExit] = []) -> CPUSurroundings {
        CPUSurroundings(index: VCPUIndex(0), bytesBefore: bytes, instruction: nil, exits: exits)
    }

    @Test("x86: reset, HLT, IF, the mode and the interrupt descriptor table")
    func x86() {
        var registers = X86Registers()
        registers.cs.selector = 0xF000
        registers.cs.base = 0xFFFF_0000
        registers.rip = 0xFFF0
        #expect(X86Report.situation(registers, surroundings()).activity == .notStarted)
        registers = X86Registers()
        registers.rip = 0x1002
        registers.efer = 1 << 10
        registers.cr0 = 1 << 31 | 1
        registers.cs.accessRights = 1 << 13
        let halted = X86Report.situation(registers, surroundings([0, 0, 0xFA, 0xF4], [.shutdown, .interrupted]))
        #expect(halted.activity == .waiting && halted.mode == .x86Long && halted.standsStill)
        #expect(!halted.hasHandlers && halted.lastExit == .shutdown)
        registers.rflags |= 1 << 9
        registers.idtr.limit = 0xFFF
        let idle = X86Report.situation(registers, surroundings([0xF4]))
        #expect(idle.takesInterrupts && idle.hasHandlers && !idle.standsStill)
        #expect(X86Report.situation(registers, surroundings()).activity == .running)
    }

    @Test("arm64: a CPU that is off, WFI, which any pending interrupt ends, the exception level and the last exception")
    func arm64() {
        var registers = ARM64Registers()
        registers.pstate = 0x3C5
        #expect(ARM64Report.situation(registers, surroundings()).activity == .notStarted)
        registers.pc = 0x4008_0004
        registers.vbar_el1 = 0x4000_0000
        registers.esr_el1 = 0x9600_0045
        let waiting = ARM64Report.situation(registers, surroundings([0x7F, 0x20, 0x03, 0xD5]))
        #expect(waiting.activity == .waiting && waiting.mode == .arm64(exceptionLevel: 1))
        #expect(!waiting.takesInterrupts && !waiting.standsStill && waiting.hasHandlers)
        #expect(waiting.exception?.esr == 0x9600_0045)
        registers.esr_el1 = 0
        #expect(ARM64Report.situation(registers, surroundings()).exception == nil)
    }
}
