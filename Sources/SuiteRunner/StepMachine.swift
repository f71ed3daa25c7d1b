internal import YAML

/// The steps of a case against the console of its guest: what has matched, and what to type next.
///
/// A pure state machine: bytes go in, wishes come out; its owner types, waits and ends the guest. Patterns are searched line
/// by line in what the guest printed since the last match. A match that touches the end of what has arrived may still
/// grow: it counts when more text follows, when the line ends, or when the console has been quiet for a moment (`quiet()`).
struct StepMachine {
    enum Wish: Equatable {
        /// Types this.
        case type([UInt8])
        /// Call `quiet()` unless more output comes soon.
        case watchForQuiet
        /// A new `expect` is waited for, with its own limit in seconds if it has one.
        case waiting(step: Int, timeout: Double?)
        /// Every step is done.
        case finished
        /// A pattern that must not appear did: the text, and where it stands in the suite.
        case rejected(line: String, YAMLMark)
    }

    private let steps: [TestStep]
    private let rejected: [(ConsolePattern, YAMLMark)]
    private var text = ConsoleText()
    /// How many bytes of the line under way have been matched already.
    private var consumed = 0
    private var pattern: ConsolePattern?
    private(set) var captured: [String: String] = [:]
    /// The last lines that have ended, oldest first.
    private var lines: [String] = []
    private static let keptLines = 20
    /// The step that is waited for; the number of steps when all are done.
    private(set) var position = 0
    private var hasBegun = false
    /// A pattern that must not appear did.
    private var isOver = false

    init(_ testCase: TestCase) {
        steps = testCase.steps
        rejected = testCase.rejected.compactMap { pattern in
            (try? ConsolePattern(pattern.text.text)).map { ($0, pattern.mark) }
        }
    }

    /// The steps before the first `expect`.
    mutating func begin() -> [Wish] {
        guard !hasBegun else { return [] }
        hasBegun = true
        return proceed()
    }

    mutating func consume(_ bytes: [UInt8]) -> [Wish] {
        var wishes: [Wish] = []
        for byte in bytes {
            guard let line = text.consume(byte) else { continue }
            search(line, isComplete: true, &wishes)
            consumed = 0
            if lines.count == Self.keptLines { lines.removeFirst() }
            lines.append(line)
        }
        search(text.partialLine, isComplete: false, &wishes)
        return wishes
    }

    /// Nothing more has come for a while, or ever will: a match at the very end counts.
    mutating func quiet() -> [Wish] {
        var wishes: [Wish] = []
        search(text.partialLine, isComplete: true, &wishes)
        return wishes
    }

    /// The last lines of the console, the one under way included.
    var recentLines: [String] {
        let partial = text.partialLine
        return partial.isEmpty ? lines : lines + [partial]
    }

    /// As many steps as match in this line.
    private mutating func search(_ line: String, isComplete: Bool, _ wishes: inout [Wish]) {
        if isComplete, !isOver, let (_, mark) = rejected.first(where: { $0.0.firstMatch(in: line[...]) != nil }) {
            isOver = true
            wishes.append(.rejected(line: line, mark))
        }
        while !isOver, let pattern {
            let rest = line[
                (line.utf8.index(line.startIndex, offsetBy: consumed, limitedBy: line.endIndex) ?? line.endIndex)...]
            guard let match = pattern.firstMatch(in: rest) else { return }
            guard isComplete || match.end < line.endIndex else {
                wishes.append(.watchForQuiet)
                return
            }
            consumed = line.utf8.distance(from: line.startIndex, to: match.end)
            keep(match)
            position += 1
            wishes += proceed()
        }
    }

    private mutating func keep(_ match: ConsolePattern.Match) {
        guard case .expect(_, let names) = steps[position].action else { return }
        let groups = match.groups.count > 1 ? match.groups.dropFirst() : match.groups[...]
        for (name, group) in zip(names, groups) { captured[name] = group ?? "" }
    }

    /// Types until the next `expect`.
    private mutating func proceed() -> [Wish] {
        var wishes: [Wish] = []
        pattern = nil
        while position < steps.count {
            let step = steps[position]
            switch step.action {
            case .send(let line): wishes.append(.type(Array((line.resolved(captured).text + "\n").utf8)))
            case .type(let keys): wishes.append(.type(Array(keys.resolved(captured).text.utf8)))
            case .expect(let wanted, _):
                let text = wanted.text.resolved(captured, quote: { $0.quotedForPattern }).text
                // It compiled when the suite was read, and a quoted capture cannot change that.
                pattern = try? ConsolePattern(text)
                wishes.append(.waiting(step: position, timeout: step.timeout))
                return wishes
            }
            position += 1
        }
        wishes.append(.finished)
        return wishes
    }
}
