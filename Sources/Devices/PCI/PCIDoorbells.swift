internal import Synchronization
internal import VMMCore

/// The doorbells of a bus's functions that signal eventfds without an exit, where the machine can do that.
///
/// A doorbell is bound while software reaches it: the function decodes memory, its region lies in a window, no other one answers at
/// that address, and the function is a bus master; a device that is none cannot read its rings. All others exit.
/// Threading: any thread. Locks of functions may be held.
final class PCIDoorbells: Sendable {
    /// A function's.
    private struct Row {
        /// Its regions' first number on the bus that decodes them.
        let firstNumber: Int
        let interrupts: PCIInterrupts
        var queues: [PCIQueueEvents] = []
    }

    private struct State {
        /// It has the functions' registers, which have this object.
        weak var decoder: MovableMMIOBus?
        var rows: [PCIAddress: Row] = [:]
        var bindings = DoorbellBindings()
    }

    let binder: any EventBinder
    private let windows: [GuestRange]
    private let state = Mutex(State())

    init(_ binder: any EventBinder, windows: [GuestRange]) {
        self.binder = binder
        self.windows = windows
    }

    /// A function is on the bus.
    func add(_ address: PCIAddress, _ interrupts: PCIInterrupts, on decoder: MovableMMIOBus, firstNumber: Int) {
        state.withLock { state in
            state.decoder = decoder
            state.rows[address] = Row(firstNumber: firstNumber, interrupts: interrupts)
        }
    }

    /// What a device at this address has doorbells for from now on.
    func set(_ queues: [PCIQueueEvents], of address: PCIAddress) {
        state.withLock { state in
            state.rows[address]?.queues = queues
            settle(&state)
        }
    }

    /// Regions have moved, or a function has become a bus master or is none any more.
    func settle() { state.withLock { settle(&$0) } }

    private func settle(_ state: inout State) {
        guard let decoder = state.decoder else { return }
        var wanted: [DoorbellBindings.Doorbell] = []
        for row in state.rows.values where row.interrupts.isBusMaster {
            for queue in row.queues {
                let address = decoder.address(
                    of: row.firstNumber + queue.region, offset: queue.offset, byteCount: UInt64(queue.width.bytes))
                guard let place = address.map({ GuestAddress($0) }),
                    windows.contains(where: { $0.contains(place, count: UInt64(queue.width.bytes)) })
                else { continue }
                wanted.append(.init(.mmio(place, queue.width, value: nil), queue.events))
            }
        }
        state.bindings.settle(wanted, by: binder)
    }
}
