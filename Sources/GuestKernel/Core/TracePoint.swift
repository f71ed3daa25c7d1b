/// A place in the kernel that can be traced: a name for a bit of `TraceControl`, and for a number in a `TraceRing`.
package struct TracePoint: Sendable {
    /// 0 to 63; two points of a kernel never share one.
    package let id: UInt8
    /// As in `sched.switch`.
    package let name: StaticString
    /// What the two arguments of a record mean; empty for none.
    package let first: StaticString
    package let second: StaticString

    @inline(__always)
    package init(_ id: UInt8, _ name: StaticString, _ first: StaticString = "", _ second: StaticString = "") {
        self.id = id & 63
        self.name = name
        self.first = first
        self.second = second
    }
}
