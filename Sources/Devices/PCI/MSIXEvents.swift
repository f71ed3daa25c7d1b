internal import Synchronization
internal import VMMCore

/// Eventfds whose signals are a function's messages. Each is bound to its message while that may be sent; else its signals are the
/// device's, which raises the interrupt, and so makes it pending.
///
/// Threading: any thread.
final class MSIXEvents: Sendable {
    private struct Link {
        let vector: Int
        let events: QueueEvents
        var bound: (message: MSI, number: UInt32)?
    }

    private let binder: any EventBinder
    private let requesterID: UInt32
    /// Held over the binder's calls, and while it is asked what may be sent: who changes that settles afterwards, so that the last
    /// change wins.
    private let links = Mutex<[Link]>([])

    init(_ binder: any EventBinder, requesterID: UInt32) {
        self.binder = binder
        self.requesterID = requesterID
    }

    /// - Parameter sendable: the message that a vector may send now; nil: none.
    func set(_ queues: [PCIQueueEvents], sendable: (Int) -> MSI?) {
        links.withLock { links in
            var next = queues.compactMap { queue in queue.message.map { Link(vector: $0, events: queue.events) } }
            for old in links {
                let index = next.firstIndex { $0.events.interrupt == old.events.interrupt && $0.vector == old.vector }
                if let index { next[index].bound = old.bound } else { unbind(old) }
            }
            links = next
            settle(&links, sendable)
        }
    }

    /// What may be sent has changed.
    func settle(sendable: (Int) -> MSI?) { links.withLock { settle(&$0, sendable) } }

    private func settle(_ links: inout [Link], _ sendable: (Int) -> MSI?) {
        for index in links.indices {
            let wanted = sendable(links[index].vector)
            guard links[index].bound?.message != wanted else { continue }
            unbind(links[index])
            links[index].bound = wanted.flatMap { message in
                binder.bind(links[index].events.interrupt, to: message, from: requesterID).map { (message, $0) }
            }
            if links[index].bound != nil { links[index].events.noteBinding(.interrupt, true) }
        }
    }

    private func unbind(_ link: Link) {
        guard let bound = link.bound else { return }
        binder.unbind(link.events.interrupt, fromMessage: bound.number)
        link.events.noteBinding(.interrupt, false)
    }
}
