/// Where random bytes come from: the host's generator, or a sequence that makes a run repeatable.
package protocol EntropySource: AnyObject, Sendable {
    /// Fills `bytes[range]`. Threading: any thread, several at once.
    func fill(_ bytes: inout [UInt8], _ range: Range<Int>)
}
