internal import CYAML

/// One event of libyaml's parser, copied.
struct YAMLEvent {
    enum Kind {
        case streamStart, streamEnd, documentStart, documentEnd
        case alias(String)
        case scalar(String, isPlain: Bool)
        case sequenceStart, mappingStart
        /// Of a sequence or a mapping.
        case collectionEnd
    }

    let kind: Kind
    /// Where it begins.
    let mark: YAMLMark
    /// The name that aliases call the value by.
    let anchor: String?
}

/// libyaml's parser over a text: the one type that touches the library. Threading: one thread at a time.
// SAFETY: the pointers are private, made by `init` and freed by `deinit` only.
@safe struct YAMLEvents: ~Copyable {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let text: UnsafeMutableBufferPointer<UInt8>

    init(_ bytes: [UInt8]) throws(YAMLError) {
        // SAFETY: both are allocated here and freed in deinit; libyaml keeps the address of the text until then, and
        // zeroes the parser before it uses it.
        unsafe text = .allocate(capacity: bytes.count)
        unsafe _ = text.initialize(from: bytes)
        unsafe parser = .allocate(capacity: 1)
        guard unsafe yaml_parser_initialize(parser) == 1 else {
            unsafe parser.deallocate()
            unsafe text.deallocate()
            throw YAMLError(problem: .hostRefusedMemory, mark: YAMLMark(line: 1, column: 1))
        }
        unsafe yaml_parser_set_input_string(parser, text.baseAddress, text.count)
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    }

    deinit {
        // SAFETY: initialised by `init`, which did not throw.
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
        unsafe text.deallocate()
    }

    /// The next event. Not to be called after `streamEnd` or an error.
    mutating func next() throws(YAMLError) -> YAMLEvent {
        var event = unsafe yaml_event_t()
        // SAFETY: `event` is a live local, filled on success and deleted below.
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw failure }
        defer { unsafe yaml_event_delete(&event) }
        let mark = unsafe YAMLMark(event.start_mark)
        switch unsafe event.type {
        case YAML_STREAM_START_EVENT: return YAMLEvent(kind: .streamStart, mark: mark, anchor: nil)
        case YAML_DOCUMENT_START_EVENT: return YAMLEvent(kind: .documentStart, mark: mark, anchor: nil)
        case YAML_DOCUMENT_END_EVENT: return YAMLEvent(kind: .documentEnd, mark: mark, anchor: nil)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
            return YAMLEvent(kind: .collectionEnd, mark: mark, anchor: nil)
        // SAFETY: the event's type says which member of the union is filled; its strings are terminated and copied here.
        case YAML_ALIAS_EVENT:
            return unsafe YAMLEvent(kind: .alias(name(event.data.alias.anchor) ?? ""), mark: mark, anchor: nil)
        case YAML_SEQUENCE_START_EVENT:
            return unsafe YAMLEvent(kind: .sequenceStart, mark: mark, anchor: name(event.data.sequence_start.anchor))
        case YAML_MAPPING_START_EVENT:
            return unsafe YAMLEvent(kind: .mappingStart, mark: mark, anchor: name(event.data.mapping_start.anchor))
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            return unsafe YAMLEvent(
                kind: .scalar(
                    String(decoding: bytes, as: UTF8.self), isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE),
                mark: mark, anchor: name(scalar.anchor))
        default: return YAMLEvent(kind: .streamEnd, mark: mark, anchor: nil)
        }
    }

    private func name(_ anchor: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        // SAFETY: a terminated string of the event's, copied.
        unsafe anchor.map { unsafe String(cString: $0) }
    }

    private var failure: YAMLError {
        // SAFETY: plain fields, and constant strings of the library or nil.
        let problem = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "not YAML"
        let context = unsafe parser.pointee.context.map { unsafe String(cString: $0) + ": " } ?? ""
        switch unsafe parser.pointee.error {
        case YAML_MEMORY_ERROR:
            return YAMLError(problem: .hostRefusedMemory, mark: unsafe YAMLMark(parser.pointee.mark))
        case YAML_READER_ERROR:
            // The reader tells an offset only.
            let offset = unsafe min(parser.pointee.problem_offset, text.count)
            let before = unsafe text[..<offset]
            let lines = unsafe before.reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
            let start = unsafe before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            return YAMLError(problem: .syntax(problem), mark: YAMLMark(line: lines, column: offset - start + 1))
        default:
            return YAMLError(
                problem: .syntax(context + problem), mark: unsafe YAMLMark(parser.pointee.problem_mark))
        }
    }
}

extension YAMLMark {
    fileprivate init(_ mark: yaml_mark_t) {
        self.init(line: Int(clamping: mark.line) + 1, column: Int(clamping: mark.column) + 1)
    }
}
