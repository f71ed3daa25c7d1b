/// A GICv3 written a second time, with no thought of speed: one value for each interrupt of each CPU, and a search through
/// all of them at each question. The soak compares `GICv3` with it.
struct ReferenceGIC {
    struct Interrupt {
        var group = 0
        var enabled = false
        var latched = false
        var active = false
        var level = false
        var edge = false
        var priority: UInt64 = 0
        var pending: Bool { latched || (level && !edge) }
    }

    struct CPU {
        var own = (0..<32).map { Interrupt(edge: $0 < 16) }
        var asleep = true
        var noOneOfN = [false, false]
        var enabled = [false, false]
        var pmr: UInt64 = 0
        var bpr: [UInt64] = [2, 3]
        var cbpr = false
        var split = false
        /// Group priorities that are active, by group.
        var running: [Set<UInt64>] = [[], []]
    }

    var groups = [false, false]
    var cpus: [CPU]
    /// Element n is INTID n + 32.
    var spis: [Interrupt]
    var routers: [UInt64]

    init(cpuCount: Int, spiCount: Int) {
        cpus = Array(repeating: CPU(), count: cpuCount)
        spis = Array(repeating: Interrupt(), count: spiCount)
        routers = Array(repeating: 0, count: spiCount)
    }

    subscript(intid: Int, cpu: Int) -> Interrupt {
        get { intid < 32 ? cpus[cpu].own[intid] : spis[intid - 32] }
        set { if intid < 32 { cpus[cpu].own[intid] = newValue } else { spis[intid - 32] = newValue } }
    }

    func goes(_ intid: Int, to cpu: Int) -> Bool {
        guard intid >= 32 else { return true }
        let router = routers[intid - 32]
        guard router >> 31 & 1 == 1 else { return router == UInt64(cpu) }
        let group = spis[intid - 32].group
        return cpus.firstIndex { !$0.asleep && $0.enabled[group] && !$0.noOneOfN[group] } == cpu
    }

    func highestPending(_ cpu: Int) -> Int? {
        guard !cpus[cpu].asleep else { return nil }
        return (0..<32 + spis.count)
            .filter { intid in
                let interrupt = self[intid, cpu]
                return interrupt.pending && interrupt.enabled && !interrupt.active && groups[interrupt.group]
                    && cpus[cpu].enabled[interrupt.group] && goes(intid, to: cpu)
            }
            .min { (self[$0, cpu].priority, $0) < (self[$1, cpu].priority, $1) }
    }

    func groupPriority(_ intid: Int, _ cpu: Int) -> UInt64 {
        let group = self[intid, cpu].group
        let point = group == 0 || cpus[cpu].cbpr ? cpus[cpu].bpr[0] : cpus[cpu].bpr[1] - 1
        return (self[intid, cpu].priority >> (point + 1)) << (point + 1)
    }

    func signalled(_ cpu: Int) -> Int? {
        guard let intid = highestPending(cpu), self[intid, cpu].priority < cpus[cpu].pmr else { return nil }
        let running = cpus[cpu].running[0].union(cpus[cpu].running[1]).min()
        if let running, groupPriority(intid, cpu) >= running { return nil }
        return intid
    }

    func asserts(_ group: Int, _ cpu: Int) -> Bool { signalled(cpu).map { self[$0, cpu].group == group } ?? false }

    // MARK: What happens to it

    mutating func setLevel(_ level: Bool, _ intid: Int, _ cpu: Int) {
        if level && !self[intid, cpu].level && self[intid, cpu].edge { self[intid, cpu].latched = true }
        self[intid, cpu].level = level
    }

    mutating func acknowledge(_ group: Int, _ cpu: Int) -> UInt64 {
        guard let intid = signalled(cpu), self[intid, cpu].group == group else { return 1023 }
        cpus[cpu].running[group].insert(groupPriority(intid, cpu))
        self[intid, cpu].latched = false
        self[intid, cpu].active = true
        return UInt64(intid)
    }

    mutating func end(_ intid: Int, _ group: Int, _ cpu: Int) {
        guard intid < 1020 || intid > 1023 else { return }
        let running = cpus[cpu].running.map { $0.min() ?? .max }
        guard running[group] != .max else { return }
        guard group == 0 ? running[0] <= running[1] : running[1] < running[0] else { return }
        cpus[cpu].running[group].remove(running[group])
        if !cpus[cpu].split { deactivate(intid, cpu) }
    }

    mutating func deactivate(_ intid: Int, _ cpu: Int) {
        if intid < 32 + spis.count { self[intid, cpu].active = false }
    }
}
