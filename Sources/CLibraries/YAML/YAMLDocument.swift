/// Reads a text of one YAML document into a tree. Source: YAML 1.1, as libyaml reads it.
///
/// Bounded whatever the text holds: `maximumDepth` levels, `maximumNodes` nodes after the expansion of aliases. Tags are
/// ignored; there are no merge keys (`<<` is a key like others).
package enum YAMLDocument {
    package static let maximumDepth = 32
    package static let maximumNodes = 100_000

    package static func parse(_ text: [UInt8]) throws(YAMLError) -> YAMLNode {
        var events = try YAMLEvents(text)
        var builder = Builder()
        var root: YAMLNode?
        while true {
            let event = try events.next()
            switch event.kind {
            case .streamStart, .documentEnd: continue
            case .documentStart:
                guard root == nil else { throw YAMLError(problem: .secondDocument, mark: event.mark) }
            case .streamEnd:
                guard let root else { throw YAMLError(problem: .empty, mark: event.mark) }
                return root
            default: root = try builder.node(event, &events, depth: 1)
            }
        }
    }
}

private struct Builder {
    private var anchors: [String: YAMLNode] = [:]

    mutating func node(_ event: YAMLEvent, _ events: inout YAMLEvents, depth: Int) throws(YAMLError) -> YAMLNode {
        guard depth <= YAMLDocument.maximumDepth else {
            throw YAMLError(problem: .tooDeep(limit: YAMLDocument.maximumDepth), mark: event.mark)
        }
        let node: YAMLNode
        switch event.kind {
        case .alias(let name):
            guard let known = anchors[name] else {
                throw YAMLError(problem: .unknownAnchor(name), mark: event.mark)
            }
            return known
        case .scalar(let text, let isPlain):
            node = YAMLNode(content: .scalar(text, isPlain: isPlain), mark: event.mark, weight: 1)
        case .sequenceStart: node = try sequence(event.mark, &events, depth: depth)
        case .mappingStart: node = try mapping(event.mark, &events, depth: depth)
        case .streamStart, .streamEnd, .documentStart, .documentEnd, .collectionEnd:
            throw YAMLError(problem: .syntax("a value is missing"), mark: event.mark)
        }
        if let anchor = event.anchor { anchors[anchor] = node }
        return node
    }

    private mutating func sequence(
        _ mark: YAMLMark, _ events: inout YAMLEvents, depth: Int
    ) throws(YAMLError) -> YAMLNode {
        var items: [YAMLNode] = []
        var weight = 1
        while true {
            let event = try events.next()
            if case .collectionEnd = event.kind { break }
            let item = try node(event, &events, depth: depth + 1)
            weight = try sum(weight, item.weight, at: event.mark)
            items.append(item)
        }
        return YAMLNode(content: .sequence(items), mark: mark, weight: weight)
    }

    private mutating func mapping(
        _ mark: YAMLMark, _ events: inout YAMLEvents, depth: Int
    ) throws(YAMLError) -> YAMLNode {
        var entries: [YAMLNode.Entry] = []
        var keys: Set<String> = []
        var weight = 1
        while true {
            let event = try events.next()
            if case .collectionEnd = event.kind { break }
            guard case .scalar(let key, _) = event.kind else {
                throw YAMLError(problem: .keyIsNotAScalar, mark: event.mark)
            }
            guard keys.insert(key).inserted else { throw YAMLError(problem: .duplicateKey(key), mark: event.mark) }
            let value = try node(try events.next(), &events, depth: depth + 1)
            weight = try sum(weight, value.weight, at: event.mark)
            entries.append(YAMLNode.Entry(key: key, keyMark: event.mark, value: value))
        }
        return YAMLNode(content: .mapping(entries), mark: mark, weight: weight)
    }

    private func sum(_ one: Int, _ other: Int, at mark: YAMLMark) throws(YAMLError) -> Int {
        // Neither is over the limit: the sum cannot overflow.
        guard one + other <= YAMLDocument.maximumNodes else {
            throw YAMLError(problem: .tooManyNodes(limit: YAMLDocument.maximumNodes), mark: mark)
        }
        return one + other
    }
}
