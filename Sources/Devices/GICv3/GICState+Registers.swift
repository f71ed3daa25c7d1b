internal import VMMCore

/// The memory-mapped registers. What is reserved, absent, or accessed at a width or alignment that it does not take reads
/// as zero and ignores writes.
extension GICState {
    // MARK: Distributor

    func readDistributor(_ offset: UInt64, _ width: AccessWidth) -> UInt64 {
        if let (register, first) = GICBankRegister.decode(offset, width) {
            // Row -1, the CPUs' own interrupts, is not here: affinity routing is on.
            return UInt64(readRow(first / 32 - 1, register, first: first % 32, width))
        }
        switch GICDRegister.decode(offset, width) {
        case .CTLR: return UInt64(ctlr.rawValue)
        case .TYPER: return UInt64(GICD_TYPER(bankCount: rows.count + 1, hasLPIs: hasLPIs).rawValue)
        case .IIDR: return UInt64(GICIdentification.iidr)
        case .IROUTER(let intid, let byte): return router(intid - 32).rawValue.part(byte, width)
        case .identification(let index):
            return UInt64(GICIdentification.register(index, part: GICIdentification.distributorPart))
        case nil: return 0
        }
    }

    mutating func writeDistributor(_ value: UInt64, _ offset: UInt64, _ width: AccessWidth) {
        let word = UInt32(truncatingIfNeeded: value)
        if let (register, first) = GICBankRegister.decode(offset, width) {
            writeRow(first / 32 - 1, register, word, first: first % 32, width)
            return
        }
        switch GICDRegister.decode(offset, width) {
        case .CTLR:
            updateParticipation { $0.ctlr.rawValue = word & GICD_CTLR.writable | GICD_CTLR.fixed }
        case .IROUTER(let intid, let byte):
            let router = router(intid - 32).rawValue.replacingPart(byte, width, with: value)
            setRouter(intid - 32, GICD_IROUTER(rawValue: router))
        case .TYPER, .IIDR, .identification, nil:
            break
        }
    }

    // MARK: Redistributors

    func readRedistributor(_ offset: UInt64, _ width: AccessWidth) -> UInt64 {
        let (cpu, offset) = Self.redistributor(offset)
        guard cpus.indices.contains(cpu) else { return 0 }
        guard offset < GICRLayout.frameSize else {
            guard let (register, first) = GICBankRegister.decode(offset - GICRLayout.frameSize, width), first < 32
            else { return 0 }
            return UInt64(cpus[cpu].own.read(register, first: first, width))
        }
        switch GICRRegister.decode(offset, width) {
        case .CTLR: return UInt64(cpus[cpu].ctlr.rawValue | (hasLPIs ? GICR_CTLR.withLPIs : 0))
        case .IIDR: return UInt64(GICIdentification.iidr)
        case .TYPER(let byte):
            let typer = GICR_TYPER(cpu: cpu, isLast: cpu == cpus.count - 1, hasLPIs: hasLPIs)
            return typer.rawValue.part(byte, width)
        case .WAKER: return UInt64(cpus[cpu].waker.rawValue)
        case .PROPBASER(let byte): return cpus[cpu].lpis.readPROPBASER.part(byte, width)
        case .PENDBASER(let byte): return cpus[cpu].lpis.readPENDBASER.part(byte, width)
        // SYNCR.Busy (bit 0) is never one.
        case .INVLPIR, .INVALLR, .SYNCR: return 0
        case .identification(let index):
            return UInt64(GICIdentification.register(index, part: GICIdentification.redistributorPart))
        case nil: return 0
        }
    }

    mutating func writeRedistributor(_ value: UInt64, _ offset: UInt64, _ width: AccessWidth) {
        let (cpu, offset) = Self.redistributor(offset)
        guard cpus.indices.contains(cpu) else { return }
        let word = UInt32(truncatingIfNeeded: value)
        guard offset < GICRLayout.frameSize else {
            guard let (register, first) = GICBankRegister.decode(offset - GICRLayout.frameSize, width), first < 32
            else { return }
            writeOwn(cpu: cpu, register, word, first: first, width)
            return
        }
        switch GICRRegister.decode(offset, width) {
        case .CTLR: updateParticipation { $0.setControl(word, cpu: cpu) }
        case .WAKER: updateParticipation { $0.setWaker(word, cpu: cpu) }
        case .PROPBASER(let byte):
            setLPITables(cpu) { $0.writePROPBASER($0.readPROPBASER.replacingPart(byte, width, with: value)) }
        case .PENDBASER(let byte):
            setLPITables(cpu) { $0.writePENDBASER($0.readPENDBASER.replacingPart(byte, width, with: value)) }
        case .INVLPIR: reload(lpi: Int(word), cpu: cpu)
        case .INVALLR: reloadLPIs(cpu: cpu)
        case .IIDR, .TYPER, .SYNCR, .identification, nil: break
        }
    }

    private static func redistributor(_ offset: UInt64) -> (cpu: Int, offset: UInt64) {
        (Int(truncatingIfNeeded: offset / GICRLayout.sizePerCPU), offset % GICRLayout.sizePerCPU)
    }

    // MARK: CPU interface

    /// A register that cannot be read gives zero.
    mutating func read(_ register: ICCRegister, cpu: Int) -> UInt64 {
        let interface = cpus[cpu].interface
        switch register {
        case .PMR_EL1: return UInt64(interface.pmr)
        case .IAR0_EL1: return acknowledge(.group0, cpu: cpu)
        case .IAR1_EL1: return acknowledge(.group1, cpu: cpu)
        case .HPPIR0_EL1: return highestPending(.group0, cpu: cpu)
        case .HPPIR1_EL1: return highestPending(.group1, cpu: cpu)
        case .BPR0_EL1: return UInt64(interface.readBPR0)
        case .BPR1_EL1: return UInt64(interface.readBPR1)
        case .AP0R0_EL1: return UInt64(interface.ap0r)
        case .AP1R0_EL1: return UInt64(interface.ap1r)
        case .RPR_EL1: return UInt64(interface.runningPriority)
        case .CTLR_EL1: return UInt64(interface.ctlr.rawValue)
        // SRE, DFB and DIB are always one: there is no other interface than this one, and no bypass.
        case .SRE_EL1: return 0b111
        case .IGRPEN0_EL1: return interface.enables(.group0) ? 1 : 0
        case .IGRPEN1_EL1: return interface.enables(.group1) ? 1 : 0
        case .EOIR0_EL1, .EOIR1_EL1, .DIR_EL1, .SGI0R_EL1, .SGI1R_EL1, .ASGI1R_EL1: return 0
        }
    }

    /// A register that cannot be written stays as it is.
    mutating func write(_ value: UInt64, to register: ICCRegister, cpu: Int) {
        switch register {
        case .PMR_EL1: updateInterface(cpu) { $0.writePMR(value) }
        case .BPR0_EL1: updateInterface(cpu) { $0.writeBPR0(value) }
        case .BPR1_EL1: updateInterface(cpu) { $0.writeBPR1(value) }
        case .AP0R0_EL1: updateInterface(cpu) { $0.writeAP0R(value) }
        case .AP1R0_EL1: updateInterface(cpu) { $0.writeAP1R(value) }
        case .CTLR_EL1: updateInterface(cpu) { $0.writeCTLR(value) }
        case .IGRPEN0_EL1: updateParticipation { $0.setGroupEnable(value, .group0, cpu: cpu) }
        case .IGRPEN1_EL1: updateParticipation { $0.setGroupEnable(value, .group1, cpu: cpu) }
        case .EOIR0_EL1: endInterrupt(value, .group0, cpu: cpu)
        case .EOIR1_EL1: endInterrupt(value, .group1, cpu: cpu)
        case .DIR_EL1:
            // With EOImode 0 a write is unpredictable: here it does nothing.
            if cpus[cpu].interface.ctlr.eoiMode { deactivate(Int(value[0...23]), cpu: cpu) }
        case .SGI0R_EL1: send(ICC_SGIR(rawValue: value), .group0, from: cpu)
        // With one security state the "other" group 1 is the same.
        case .SGI1R_EL1, .ASGI1R_EL1: send(ICC_SGIR(rawValue: value), .group1, from: cpu)
        case .SRE_EL1, .IAR0_EL1, .IAR1_EL1, .HPPIR0_EL1, .HPPIR1_EL1, .RPR_EL1: break
        }
    }

    private func highestPending(_ group: GICGroup, cpu: Int) -> UInt64 {
        guard let best = cpus[cpu].best, best.group == group else { return Self.spuriousINTID }
        return UInt64(best.intid)
    }

    /// ICC_EOIR: drops the running priority; in EOImode 0 deactivates, too. A special INTID, and one whose group is not
    /// that of the running priority, does nothing.
    private mutating func endInterrupt(_ value: UInt64, _ group: GICGroup, cpu: Int) {
        let intid = Int(value[0...23])
        guard !(Self.firstSpecialINTID...Int(Self.spuriousINTID)).contains(intid) else { return }
        var dropped = false
        updateInterface(cpu) { dropped = $0.dropPriority(group) }
        if dropped && !cpus[cpu].interface.ctlr.eoiMode { deactivate(intid, cpu: cpu) }
    }
}
