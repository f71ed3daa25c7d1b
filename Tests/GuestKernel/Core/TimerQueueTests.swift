import KernelCore
import Testing

@Suite struct TimerQueueTests {
    @Test(
        "random adding, moving, cancelling and expiring: the order of a sorted list",
        arguments: 1...20 as ClosedRange<UInt64>)
    func model(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var queue = TimerQueue<TimerEntry>()
        let entries = (0..<200).map { _ in TimerEntry() }
        // Deadline and time of arrival by entry.
        var model: [Int: (UInt64, Int)] = [:]
        var now: UInt64 = 0
        for step in 0..<4000 {
            let number = Int.random(in: 0..<entries.count, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0...2:
                let deadline = now + UInt64.random(in: 0...50, using: &random)
                let isFirst = queue.add(entries[number], deadline: deadline)
                model[number] = (deadline, step)
                #expect(isFirst == (model.values.min { $0 < $1 }?.1 == step))
            case 3:
                queue.cancel(entries[number])
                model[number] = nil
            default:
                now += UInt64.random(in: 0...4, using: &random)
                while let entry = queue.popExpired(now: now) {
                    let expected = model.min { $0.value < $1.value }
                    let number = entries.firstIndex { $0 === entry } ?? -1
                    #expect(number == expected?.key && entry.deadline <= now && !entry.isQueued)
                    model[number] = nil
                }
                #expect(model.values.allSatisfy { $0.0 > now })
            }
            let count = queue.count
            let next = queue.nextDeadline
            #expect(count == model.count && next == model.values.map(\.0).min())
        }
        for entry in entries { queue.cancel(entry) }
        let next = queue.nextDeadline
        #expect(next == nil)
    }

    @Test("a deadline that is never due is kept")
    func never() {
        var queue = TimerQueue<TimerEntry>()
        let entry = TimerEntry()
        let isFirst = queue.add(entry, deadline: .max)
        let expired = queue.popExpired(now: .max - 1)
        #expect(isFirst && expired == nil && entry.isQueued)
        queue.cancel(entry)
    }
}
