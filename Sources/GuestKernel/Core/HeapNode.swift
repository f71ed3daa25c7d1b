/// What an object needs to be in an `IntrusiveHeap`: to be subclassed.
///
/// A node is in one heap at a time. The heap does not keep it alive: whoever queues it does, and a node must not go while queued.
package class HeapNode {
    /// The order in the heap, least first; only the heap's owner sets it, and only while the node is not queued.
    package internal(set) var key: UInt64 = 0
    /// Breaks ties: first in, first out.
    fileprivate(set) var sequence: UInt64 = 0
    /// True while in a heap.
    package fileprivate(set) var isQueued = false

    fileprivate var left = HeapLink()
    fileprivate var right = HeapLink()
    fileprivate var parent = HeapLink()
    /// Length of the shortest way down to a missing child, plus 1; a leaf has 1.
    fileprivate var rank: Int32 = 0

    package init() {}

    deinit { precondition(!isQueued) }

    fileprivate final func precedes(_ other: HeapNode) -> Bool {
        key < other.key || (key == other.key && sequence < other.sequence)
    }

    /// Restores the leftist order of the children, and the rank. Returns true when the rank changed.
    fileprivate final func settle() -> Bool {
        let leftRank = left.node?.rank ?? 0
        let rightRank = right.node?.rank ?? 0
        if leftRank < rightRank { swap(&left, &right) }
        let new = min(leftRank, rightRank) + 1
        defer { rank = new }
        return new != rank
    }
}

/// A reference that counts for nothing: it costs no atomic operation.
@safe
private struct HeapLink {
    private unowned(unsafe) var reference: HeapNode?

    init() {}

    var node: HeapNode? {
        // SAFETY: queued nodes are kept alive by their owner (HeapNode's deinit checks), links lead to queued nodes only.
        get { unsafe reference }
        set { unsafe reference = newValue }
    }
}

/// A leftist heap of nodes that carry their own links: it never allocates.
///
/// Insert, take the first and remove any node cost O(log n), even in the worst case; looking at the first costs one load.
/// Source: C. A. Crane's leftist trees; D. E. Knuth, The Art of Computer Programming, vol. 3, 5.2.3.
/// Threading: by the caller's lock.
struct IntrusiveHeap: ~Copyable {
    private var root = HeapLink()
    private var nextSequence: UInt64 = 0
    private(set) var count = 0

    var first: HeapNode? { root.node }

    /// - Precondition: `node` is in no heap.
    mutating func insert(_ node: HeapNode, key: UInt64) {
        precondition(!node.isQueued)
        node.key = key
        node.sequence = nextSequence
        nextSequence += 1
        node.isQueued = true
        node.rank = 1
        count += 1
        setRoot(Self.merge(root.node, node))
    }

    mutating func removeFirst() -> HeapNode? {
        guard let node = root.node else { return nil }
        setRoot(Self.merge(node.left.node, node.right.node))
        detach(node)
        return node
    }

    /// - Precondition: `node` is in this heap.
    mutating func remove(_ node: HeapNode) {
        precondition(node.isQueued && count > 0)
        guard let parent = node.parent.node else {
            precondition(root.node === node)
            _ = removeFirst()
            return
        }
        let rest = Self.merge(node.left.node, node.right.node)
        if parent.left.node === node { parent.left.node = rest } else { parent.right.node = rest }
        rest?.parent.node = parent
        var ancestor: HeapNode? = parent
        while let current = ancestor, current.settle() { ancestor = current.parent.node }
        detach(node)
    }

    private mutating func setRoot(_ node: HeapNode?) {
        node?.parent.node = nil
        root.node = node
    }

    private mutating func detach(_ node: HeapNode) {
        node.left.node = nil
        node.right.node = nil
        node.parent.node = nil
        node.isQueued = false
        count -= 1
    }

    /// Joins two heaps along their right spines, which are log2(n + 1) long at most: so deep is the recursion.
    private static func merge(_ one: HeapNode?, _ other: HeapNode?) -> HeapNode? {
        guard let one else { return other }
        guard let other else { return one }
        let (top, rest) = other.precedes(one) ? (other, one) : (one, other)
        let merged = merge(top.right.node, rest)
        top.right.node = merged
        merged?.parent.node = top
        _ = top.settle()
        return top
    }
}
