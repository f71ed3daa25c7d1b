/// The ITS and the LPIs of redistributors written a second time, as sets and dictionaries. The soak compares `GICv3` with it.
///
/// All LPIs are let through by the CPUs, and have the priorities of their configuration; nothing else is pending.
struct ReferenceITS {
    struct Event: Hashable {
        var device: UInt64
        var id: UInt64
    }

    struct CPU {
        var isEnabled = true
        /// By LPI: the configuration that counts.
        var pending: [UInt64: UInt8] = [:]
        /// Pending ones while LPIs are disabled: what is in the pending table.
        var table: Set<UInt64> = []
        /// The priorities that the CPU has acknowledged and not ended.
        var running: [UInt8] = []
    }

    var cpus: [CPU]
    var isEnabled = true
    /// What the configuration table says. LPIs count from 0.
    var configurations: [UInt64: UInt8] = [:]
    /// Bits of EventID, by device.
    var devices: [UInt64: UInt64] = [:]
    var events: [Event: (lpi: UInt64, collection: UInt64)] = [:]
    var collections: [UInt64: Int] = [:]

    init(cpuCount: Int) { cpus = Array(repeating: CPU(), count: cpuCount) }

    // MARK: What the CPU sees

    func highestPending(_ cpu: Int) -> UInt64? {
        cpus[cpu].pending.filter { $0.value & 1 == 1 }.min { ($0.value & 0xF8, $0.key) < ($1.value & 0xF8, $1.key) }?
            .key
    }

    func isSignalled(_ cpu: Int) -> Bool {
        guard let lpi = highestPending(cpu), let configuration = cpus[cpu].pending[lpi] else { return false }
        // PMR holds the least urgent priority back.
        return configuration & 0xF8 < min(cpus[cpu].running.last ?? 0xFF, 0xF8)
    }

    mutating func acknowledge(_ cpu: Int) -> UInt64? {
        guard isSignalled(cpu), let lpi = highestPending(cpu) else { return nil }
        cpus[cpu].running.append((cpus[cpu].pending.removeValue(forKey: lpi) ?? 0) & 0xF8)
        return lpi
    }

    mutating func end(_ cpu: Int) { _ = cpus[cpu].running.popLast() }

    // MARK: Redistributors

    mutating func makePending(_ lpi: UInt64, _ cpu: Int) {
        guard cpus[cpu].isEnabled, cpus[cpu].pending[lpi] == nil else { return }
        cpus[cpu].pending[lpi] = configurations[lpi] ?? 0
    }

    mutating func reload(_ lpi: UInt64, _ cpu: Int) {
        if cpus[cpu].pending[lpi] != nil { cpus[cpu].pending[lpi] = configurations[lpi] ?? 0 }
    }

    mutating func reloadAll(_ cpu: Int) { for lpi in cpus[cpu].pending.keys { reload(lpi, cpu) } }

    mutating func setEnabled(_ enabled: Bool, _ cpu: Int) {
        guard cpus[cpu].isEnabled != enabled else { return }
        cpus[cpu].isEnabled = enabled
        if enabled {
            for lpi in cpus[cpu].table { makePending(lpi, cpu) }
        } else {
            cpus[cpu].table = Set(cpus[cpu].pending.keys)
            cpus[cpu].pending = [:]
        }
    }

    // MARK: Commands

    /// The event's LPI and CPU, if all on the way is mapped.
    func target(_ event: Event) -> (lpi: UInt64, cpu: Int)? {
        guard let bits = devices[event.device], event.id < 1 << bits, let mapping = events[event],
            let cpu = collections[mapping.collection]
        else { return nil }
        return (mapping.lpi, cpu)
    }

    mutating func map(_ event: Event, _ lpi: UInt64, _ collection: UInt64) {
        guard let bits = devices[event.device], event.id < 1 << bits else { return }
        events[event] = (lpi, collection)
    }

    mutating func interrupt(_ event: Event) {
        if isEnabled, let target = target(event) { makePending(target.lpi, target.cpu) }
    }

    mutating func clear(_ event: Event) {
        if let target = target(event) { cpus[target.cpu].pending[target.lpi] = nil }
    }

    mutating func discard(_ event: Event) {
        guard target(event) != nil else { return }
        clear(event)
        events[event] = nil
    }

    mutating func move(_ event: Event, _ collection: UInt64) {
        guard let old = target(event), let cpu = collections[collection] else { return }
        events[event]?.collection = collection
        if cpus[old.cpu].pending.removeValue(forKey: old.lpi) != nil { makePending(old.lpi, cpu) }
    }

    mutating func moveAll(_ from: Int, _ to: Int) {
        guard from != to else { return }
        let moved = cpus[from].pending.keys
        cpus[from].pending = [:]
        for lpi in moved { makePending(lpi, to) }
    }
}
