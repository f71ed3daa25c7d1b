package import VMMCore

/// A network behind a tap device with several queues: a descriptor each, so that vCPUs that send at the same time do not wait for each other in the
/// host's kernel, and each queue has frames of its own waiting.
///
/// The kernel gives a flow's frames to the queue that it last came from. Threading: as `TapNetwork`, one for each queue, on one loop.
package final class TapQueues: MultiQueueNetwork {
    private let queues: [TapNetwork]

    /// The device that is called `name`, by as many as `count` queues: by one, if it was made without `multi_queue`.
    package init(name: String, count: Int, mtu: UInt16, loop: EventLoop) throws(NetworkError) {
        let first = try TapNetwork(name: name, isMultiQueue: count > 1, mtu: mtu, loop: loop)
        var queues = [first]
        while first.isMultiQueue, queues.count < count {
            queues.append(try TapNetwork(name: name, isMultiQueue: true, mtu: mtu, loop: loop))
        }
        self.queues = queues
    }

    package var queueCount: Int { queues.count }
    package var properties: NetworkProperties { queues[0].properties }
    package var isLinkUp: Bool { queues[0].isLinkUp }

    package func attach(_ client: any NetworkClient, offloads: NetworkOffloads) {
        for queue in queues { queue.attach(client, offloads: offloads) }
    }

    package func detach() { for queue in queues { queue.detach() } }
    package func resumeReceiving() { for queue in queues { queue.resumeReceiving() } }

    package func send(_ bytes: [UInt8], _ range: Range<Int>) -> Bool { queues[0].send(bytes, range) }

    package func send(_ bytes: [UInt8], _ range: Range<Int>, queue: Int) -> Bool {
        queues[queue % queues.count].send(bytes, range)
    }

    package func commit() {}
}
