internal import VMMCore

/// LPIs at the redistributors, whoever they come from. Without guest memory there are none.
extension GICState {
    var hasLPIs: Bool { memory != nil }

    mutating func makePending(lpi intid: Int, cpu: Int) { updateLPIs(cpu) { $0.makePending(intid, $1) } }

    mutating func clear(lpi intid: Int, cpu: Int) { updateLPIs(cpu) { lpis, _ in lpis.clear(intid) } }

    /// GICR_CTLR.EnableLPIs.
    mutating func setLPIsEnabled(_ enabled: Bool, cpu: Int) { updateLPIs(cpu) { $0.setEnabled(enabled, $1) } }

    /// INV, and GICR_INVLPIR.
    mutating func reload(lpi intid: Int, cpu: Int) { updateLPIs(cpu) { $0.reload(intid, $1) } }

    /// INVALL, and GICR_INVALLR.
    mutating func reloadLPIs(cpu: Int) { updateLPIs(cpu) { $0.reloadAll($1) } }

    /// MOVI: the pending state, if there is one, goes to another CPU.
    mutating func move(lpi intid: Int, from: Int, to: Int) {
        var wasPending = false
        updateLPIs(from) { lpis, _ in wasPending = lpis.clear(intid) }
        if wasPending { makePending(lpi: intid, cpu: to) }
    }

    /// MOVALL.
    mutating func moveLPIs(from: Int, to: Int) {
        guard from != to else { return }
        var moved: [UInt64] = []
        updateLPIs(from) { lpis, _ in moved = lpis.removeAll() }
        updateLPIs(to) { $0.insertAll(moved, $1) }
    }

    /// GICR_PROPBASER and GICR_PENDBASER.
    mutating func setLPITables(_ cpu: Int, _ change: (inout GICLPIBank) -> Void) {
        updateLPIs(cpu) { lpis, _ in change(&lpis) }
    }

    @inline(__always)
    private mutating func updateLPIs(_ cpu: Int, _ change: (inout GICLPIBank, GuestMemory) -> Void) {
        guard let memory, cpus.indices.contains(cpu) else { return }
        update(cpu) { change(&$0.lpis, memory) }
    }
}
