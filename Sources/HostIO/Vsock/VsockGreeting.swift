/// The line by which a program asks for a port of the guest: `CONNECT 1234`, and a newline. Pure.
struct VsockGreeting {
    enum Outcome: Hashable {
        /// The line goes on.
        case incomplete
        case port(UInt32)
        case bad
    }

    /// Of a line, with its end: no port's is longer than 19, and some programs end theirs with a carriage return.
    static let limit = 32
    private static let word = Array("CONNECT ".utf8)

    private var line: [UInt8] = []

    mutating func take(_ byte: UInt8) -> Outcome {
        guard byte == UInt8(ascii: "\n") else {
            line.append(byte)
            return line.count < Self.limit ? .incomplete : .bad
        }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        let digits = line.dropFirst(Self.word.count)
        guard line.starts(with: Self.word), !digits.isEmpty else { return .bad }
        var port: UInt32 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return .bad }
            let (tens, isTooLarge) = port.multipliedReportingOverflow(by: 10)
            let (sum, overflows) = tens.addingReportingOverflow(UInt32(digit - UInt8(ascii: "0")))
            guard !isTooLarge, !overflows else { return .bad }
            port = sum
        }
        return .port(port)
    }
}
