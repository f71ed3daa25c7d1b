internal import VMMCore

/// The ITS among the redistributors: what its commands and translations do to LPIs.
extension GICState {
    /// How much of the queue is executed at a time, in commands and looks at pending LPIs. It is a full queue of 1 MiB unless the
    /// guest lets it search thousands of LPIs for each command: that would hold its CPU for seconds.
    private static let workLimit = 1 << 20

    /// Goes on with the queue first, as a guest reads CREADR until all is done.
    mutating func readITS(_ offset: UInt64, _ width: AccessWidth) -> UInt64 {
        guard hasLPIs, let register = GITSRegister.decode(offset, width) else { return 0 }
        _ = executeCommands()
        return its.read(register, width)
    }

    /// Executes the commands that the write lets go, up to `workLimit`; what was executed has taken effect when this returns.
    /// - Returns: the first of the guest's faults.
    mutating func writeITS(_ value: UInt64, _ offset: UInt64, _ width: AccessWidth) -> GITSFault? {
        guard hasLPIs, let register = GITSRegister.decode(offset, width) else { return nil }
        its.write(value, to: register, width)
        return executeCommands()
    }

    private mutating func executeCommands() -> GITSFault? {
        guard let memory else { return nil }
        var first: GITSFault?
        var work = 0
        while its.hasCommand, work < Self.workLimit {
            work += 1
            do throws(GITSFault) {
                let effect = try its.executeNext(memory)
                work += cost(of: effect)
                apply(effect)
            } catch {
                if first == nil { first = error }
            }
        }
        return first
    }

    /// A device's write of GITS_TRANSLATER.
    /// - Returns: why it came to nothing.
    mutating func translate(event id: UInt32, from device: UInt32) -> GITSFault? {
        guard let memory, its.ctlr.enabled else { return nil }
        do throws(GITSFault) {
            let target = try its.target(of: GITSCommand.Event(device: device, id: id), memory)
            makePending(lpi: target.intid, cpu: target.cpu)
            return nil
        } catch {
            return error
        }
    }

    /// How many LPIs are looked at, at most.
    private func cost(of effect: GICITS.Effect) -> Int {
        switch effect {
        case .none, .makePending: 0
        case .clear(let target), .reload(let target), .move(let target, _): cpus[target.cpu].lpis.pendingCount
        case .reloadAll(let cpu), .moveAll(let cpu, _): cpus[cpu].lpis.pendingCount
        }
    }

    private mutating func apply(_ effect: GICITS.Effect) {
        switch effect {
        case .none: break
        case .makePending(let target): makePending(lpi: target.intid, cpu: target.cpu)
        case .clear(let target): clear(lpi: target.intid, cpu: target.cpu)
        case .reload(let target): reload(lpi: target.intid, cpu: target.cpu)
        case .reloadAll(let cpu): reloadLPIs(cpu: cpu)
        case .move(let target, let cpu): move(lpi: target.intid, from: target.cpu, to: cpu)
        case .moveAll(let from, let to): moveLPIs(from: from, to: to)
        }
    }
}
