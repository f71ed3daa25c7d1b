/// A line editor for a VT100-like terminal: bytes in, bytes of echo out, and now and then a finished line.
///
/// Keys: printing bytes, Backspace, Delete, arrows, Home, End, Ctrl-A B C D E F H K L N P U W Y, Alt-B D F and Alt-Backspace, Tab.
/// A line ends at CR, LF or CR LF. The echo uses only backspace, spaces, CR LF and `ESC [ K`; it does not know the terminal's
/// width, so a line that wraps is edited right and shown wrong. A character is one column wide; UTF-8 sequences
/// move and go as a whole. Pasted or piped input of many lines works: each byte is handled before the next.
package struct LineEditor {
    /// What a byte brought about.
    package enum Event: Equatable, Sendable {
        case none
        /// A line is complete: take it from `line`, then call `begin`.
        case line
        /// Ctrl-C: the line was thrown away.
        case interrupted
        /// Ctrl-D on an empty line.
        case endOfInput
    }

    package typealias Completer = (_ line: [UInt8], _ cursor: Int) -> LineCompletion

    /// The line so far; whole after `.line`, without its end.
    package private(set) var line: [UInt8] = []
    /// Offset of the cursor in `line`, in bytes.
    package private(set) var cursor = 0

    private let prompt: StaticString
    private let lengthLimit: Int
    private var keys = EscapeSequenceParser()
    private var history: LineHistory
    private var killed: [UInt8] = []
    /// The byte before was a CR: an LF now belongs to it.
    private var sawCarriageReturn = false
    /// The key before was a Tab that could not go on.
    private var mayListCandidates = false

    /// - Parameters:
    ///   - prompt: written by `begin`, and again by Ctrl-L and a list of candidates.
    ///   - lengthLimit: the most bytes of a line; more are refused with a bell.
    ///   - historyLimit: the most lines remembered.
    package init(prompt: StaticString, lengthLimit: Int = 1024, historyLimit: Int = 32) {
        self.prompt = prompt
        self.lengthLimit = lengthLimit
        history = LineHistory(capacity: historyLimit)
    }

    /// Lines entered before, oldest first.
    package var historyLines: [[UInt8]] { (0..<history.count).map { history[$0] } }

    /// Starts a new line: writes the prompt.
    package mutating func begin(_ output: TextOutput) {
        line.removeAll(keepingCapacity: true)
        cursor = 0
        output.write(prompt)
    }

    /// Takes one byte of input.
    ///
    /// - Parameter complete: asked on Tab.
    package mutating func feed(_ byte: UInt8, output: TextOutput, complete: Completer? = nil) -> Event {
        guard let key = keys.key(byte) else {
            sawCarriageReturn = false
            return .none
        }
        if key == .byte(0x0A), sawCarriageReturn {
            sawCarriageReturn = false
            return .none
        }
        sawCarriageReturn = key == .byte(0x0D)
        guard key != .byte(0x09) else {
            self.complete(output, complete)
            return .none
        }
        mayListCandidates = false
        return act(on: key, output)
    }

    private mutating func act(on key: TerminalKey, _ output: TextOutput) -> Event {
        switch key {
        case .byte(0x0D), .byte(0x0A):
            moveCursor(to: line.count, output)
            output.newLine()
            history.add(line)
            return .line
        case .byte(0x03):
            output.write("^C")
            output.newLine()
            line.removeAll(keepingCapacity: true)
            cursor = 0
            history.reset()
            return .interrupted
        case .byte(0x04) where line.isEmpty: return .endOfInput
        case .byte(0x04), .delete: erase(cursor..<nextCharacter, output)
        case .byte(0x08), .byte(0x7F): erase(previousCharacter..<cursor, output)
        case .byte(0x02), .left: moveCursor(to: previousCharacter, output)
        case .byte(0x06), .right: moveCursor(to: nextCharacter, output)
        case .byte(0x01), .home: moveCursor(to: 0, output)
        case .byte(0x05), .end: moveCursor(to: line.count, output)
        case .alt(0x62): moveCursor(to: previousWord, output)
        case .alt(0x66): moveCursor(to: nextWord, output)
        case .byte(0x0B): kill(cursor..<line.count, output)
        case .byte(0x15): kill(0..<cursor, output)
        case .byte(0x17), .alt(0x7F): kill(previousWord..<cursor, output)
        case .alt(0x64): kill(cursor..<nextWord, output)
        case .byte(0x19): insert(killed, output)
        case .byte(0x0C):
            output.write("\u{1B}[H\u{1B}[2J")
            redraw(output)
        case .byte(0x10), .up: show(history.previous(line), output)
        case .byte(0x0E), .down: show(history.next(), output)
        case .byte(let byte) where byte >= 0x20: insert([byte], output)
        case .byte, .alt: break
        }
        return .none
    }
}

// MARK: - Editing

extension LineEditor {
    private mutating func insert(_ bytes: [UInt8], _ output: TextOutput) {
        guard !bytes.isEmpty else { return }
        guard line.count + bytes.count <= lengthLimit else { return output.put(0x07) }
        if cursor == line.count {
            line.append(contentsOf: bytes)
            cursor = line.count
            return output.write(bytes)
        }
        line.insert(contentsOf: bytes, at: cursor)
        let after = cursor + bytes.count
        writeLine(cursor..<line.count, output)
        cursor = line.count
        moveCursor(to: after, output)
    }

    private mutating func erase(_ range: Range<Int>, _ output: TextOutput) {
        guard !range.isEmpty else { return }
        moveCursor(to: range.lowerBound, output)
        line.removeSubrange(range)
        writeLine(cursor..<line.count, output)
        output.write("\u{1B}[K")
        cursor = line.count
        moveCursor(to: range.lowerBound, output)
    }

    private mutating func kill(_ range: Range<Int>, _ output: TextOutput) {
        guard !range.isEmpty else { return }
        killed = Array(line[range])
        erase(range, output)
    }

    /// Replaces the whole line, cursor at the end; nil rings the bell.
    private mutating func show(_ replacement: [UInt8]?, _ output: TextOutput) {
        guard let replacement else { return output.put(0x07) }
        moveCursor(to: 0, output)
        line = replacement
        cursor = line.count
        output.write(line)
        output.write("\u{1B}[K")
    }

    private mutating func moveCursor(to target: Int, _ output: TextOutput) {
        if target < cursor {
            output.write(0x08, repeated: columns(target..<cursor))
        } else {
            writeLine(cursor..<target, output)
        }
        cursor = target
    }

    private mutating func redraw(_ output: TextOutput) {
        output.write(prompt)
        output.write(line)
        output.write(0x08, repeated: columns(cursor..<line.count))
    }

    private func writeLine(_ range: Range<Int>, _ output: TextOutput) {
        for index in range { output.put(line[index]) }
    }
}

// MARK: - Positions

extension LineEditor {
    private func isContinuation(_ index: Int) -> Bool { line[index] & 0xC0 == 0x80 }

    private func columns(_ range: Range<Int>) -> Int {
        var count = 0
        for index in range where !isContinuation(index) { count += 1 }
        return count
    }

    private var previousCharacter: Int {
        var index = cursor
        repeat { index -= 1 } while index > 0 && isContinuation(index)
        return max(index, 0)
    }

    private var nextCharacter: Int {
        var index = cursor + 1
        while index < line.count, isContinuation(index) { index += 1 }
        return min(index, line.count)
    }

    private var previousWord: Int {
        var index = cursor
        while index > 0, line[index - 1] == 0x20 { index -= 1 }
        while index > 0, line[index - 1] != 0x20 { index -= 1 }
        return index
    }

    private var nextWord: Int {
        var index = cursor
        while index < line.count, line[index] == 0x20 { index += 1 }
        while index < line.count, line[index] != 0x20 { index += 1 }
        return index
    }
}

// MARK: - Completion

extension LineEditor {
    private mutating func complete(_ output: TextOutput, _ completer: Completer?) {
        guard let completion = completer?(line, cursor), !completion.candidates.isEmpty, completion.start >= 0,
            completion.start <= cursor
        else { return output.put(0x07) }
        let prefix = completion.commonPrefix
        let present = cursor - completion.start
        var addition = prefix.count > present ? Array(prefix[present...]) : []
        if completion.candidates.count == 1, cursor == line.count { addition.append(0x20) }
        if !addition.isEmpty {
            mayListCandidates = false
            return insert(addition, output)
        }
        guard completion.candidates.count > 1, mayListCandidates else {
            mayListCandidates = true
            return output.put(0x07)
        }
        output.newLine()
        for (index, candidate) in completion.candidates.enumerated() {
            if index > 0 { output.spaces(2) }
            output.write(candidate)
        }
        output.newLine()
        redraw(output)
    }
}
