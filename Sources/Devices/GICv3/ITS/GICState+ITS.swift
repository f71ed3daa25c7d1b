internal import VMMCore

/// The ITS among the redistributors: what its commands and translations do to LPIs.
extension GICState {
    func readITS(_ offset: UInt64, _ width: AccessWidth) -> UInt64 {
        guard hasLPIs, let register = GITSRegister.decode(offset, width) else { return 0 }
        return its.read(register, width)
    }

    /// Executes all commands that the write lets go; each has taken effect when this returns.
    /// - Returns: the first of the guest's faults.
    mutating func writeITS(_ value: UInt64, _ offset: UInt64, _ width: AccessWidth) -> GITSFault? {
        guard let memory, let register = GITSRegister.decode(offset, width) else { return nil }
        its.write(value, to: register, width)
        var first: GITSFault?
        while its.hasCommand {
            do throws(GITSFault) {
                apply(try its.executeNext(memory))
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
