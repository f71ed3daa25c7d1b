import HostIO
import Testing

/// What swvmm and swvmm-nbd say to each other.
@Suite struct NBDMessagesTests {
    @Test("an answer comes out as it went in")
    func answers() throws {
        let export = NBDExport(
            size: 1 << 40 | 3, isReadOnly: true, canWriteZeroes: true, minimumBlock: 1, preferredBlock: 4096,
            maximumBlock: 1 << 33)
        for answer in [.ready(export), .ready(NBDExport(size: 0)), .refused("no"), .refused("")] as [NBDAnswer] {
            let bytes = answer.bytes
            let header = Array(bytes.prefix(NBDAnswer.headerSize))
            #expect(NBDAnswer.textLength(header) == bytes.count - NBDAnswer.headerSize)
            #expect(NBDAnswer(header: header, text: Array(bytes.dropFirst(NBDAnswer.headerSize))) == answer)
        }
        #expect(NBDAnswer.refused(String(repeating: "x", count: 5000)).bytes.count == 40 + 1024)
    }

    @Test("a header that promises too much text, or is no answer, is none")
    func badAnswers() {
        var header = NBDAnswer.refused("no").bytes.prefix(NBDAnswer.headerSize).map { $0 }
        header[6] = 1
        #expect(NBDAnswer.textLength(header) == nil)
        header[0] = 9
        #expect(NBDAnswer(header: header, text: []) == nil)
        #expect(NBDAnswer.textLength([1, 2, 3]) == nil)
    }

    @Test("a request comes out as it went in; one for a slot that is none, or for more than it holds, is none")
    func requests() {
        let good = [
            NBDRequest(.write, slot: 63, at: 1 << 50 | 7, length: UInt32(NBDChannel.slotSize), isDurable: true),
            NBDRequest(.writeZeroes, slot: 0, at: 512, length: .max, mayUnmap: true),
            NBDRequest(.flush, slot: 1),
        ]
        var bytes: [UInt8] = []
        for request in good { request.append(to: &bytes) }
        #expect(bytes.count == good.count * NBDRequest.size)
        for (index, request) in good.enumerated() {
            #expect(NBDRequest(bytes, at: index * NBDRequest.size) == request)
        }
        for bad in [
            NBDRequest(.read, slot: 64), NBDRequest(.read, slot: 0, length: UInt32(NBDChannel.slotSize) + 1),
            NBDRequest(.write, slot: 0, length: .max),
        ] {
            bytes = []
            bad.append(to: &bytes)
            #expect(NBDRequest(bytes, at: 0) == nil)
        }
        bytes[0] = 5
        #expect(NBDRequest(bytes, at: 0) == nil)
    }

    @Test("a reply comes out as it went in")
    func replies() {
        var bytes: [UInt8] = []
        NBDReply(slot: 65_535, errno: -1).append(to: &bytes)
        #expect(NBDReply(bytes, at: 0) == NBDReply(slot: 65_535, errno: -1))
        #expect(bytes.count == NBDReply.size)
    }
}
