internal import Boot

/// A name of four characters, as all of ACPI's: shorter ones end in underscores.
///
/// Source: ACPI 6.4 §20.2.2, NameSeg.
struct AMLName: ExpressibleByStringLiteral, Sendable {
    let bytes: [UInt8]

    /// - Parameter value: one to four of A to Z, 0 to 9 and the underscore, the first no digit.
    init(stringLiteral value: String) {
        let text = Array(value.utf8)
        let isGood = text.allSatisfy { (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
        precondition((1...4).contains(text.count) && isGood && text[0] > 0x39, "a name of ACPI")
        bytes = text + [UInt8](repeating: 0x5F, count: 4 - text.count)
    }

    /// A letter and a number of three hexadecimal digits.
    init(_ letter: Unicode.Scalar, _ number: Int) {
        let digits = String(number & 0xFFF, radix: 16, uppercase: true)
        self.init(stringLiteral: "\(letter)" + String(repeating: "0", count: 3 - digits.utf8.count) + digits)
    }
}

/// An identifier of Plug and Play devices: three letters and four hexadecimal digits, as in `PNP0501`.
///
/// Source: ACPI 6.4 §19.6.36, EISAID.
struct EISAID: ExpressibleByStringLiteral, Sendable {
    let value: UInt32

    init(stringLiteral text: String) {
        let number = UInt32(text.dropFirst(3), radix: 16)
        precondition(text.utf8.count == 7 && number != nil, "an EISA identifier")
        let letters = text.utf8.prefix(3).reduce(UInt32(0)) { $0 << 5 | UInt32($1) & 0x1F }
        // Letters and digits lie in the order of big-endian bytes.
        value = (letters << 16 | (number ?? 0)).byteSwapped
    }
}

/// A value of ACPI Machine Language. Source: ACPI 6.4 §20.2.3.
indirect enum AMLData: Sendable {
    case integer(UInt64)
    case string(String)
    case eisa(EISAID)
    case package([AMLData])
    /// A buffer that describes resources.
    case resources([ACPIResource])
    /// The name of an object.
    case reference(AMLName)
}

/// What defines an object. Source: ACPI 6.4 §20.2.5.
indirect enum AMLTerm: Sendable {
    /// Terms below an object in the root.
    case scope(AMLName, [AMLTerm])
    case device(AMLName, [AMLTerm])
    case name(AMLName, AMLData)
    /// A method that does nothing.
    case emptyMethod(AMLName, argumentCount: UInt8)
}

/// Encodes terms. Source: ACPI 6.4 §20.2 and §20.3, the byte values.
struct AMLEncoder {
    private(set) var bytes: [UInt8] = []

    static func encode(_ terms: [AMLTerm]) -> [UInt8] {
        var encoder = AMLEncoder()
        for term in terms { encoder.append(term) }
        return encoder.bytes
    }

    private static func encode(_ data: AMLData) -> [UInt8] {
        var encoder = AMLEncoder()
        encoder.append(data)
        return encoder.bytes
    }

    private mutating func append(_ term: AMLTerm) {
        switch term {
        case .scope(let name, let terms):
            bytes.append(0x10)
            appendPackage([0x5C] + name.bytes + Self.encode(terms))
        case .device(let name, let terms):
            bytes += [0x5B, 0x82]
            appendPackage(name.bytes + Self.encode(terms))
        case .name(let name, let data):
            bytes.append(0x08)
            bytes += name.bytes
            append(data)
        case .emptyMethod(let name, let count):
            bytes.append(0x14)
            appendPackage(name.bytes + [count & 0x07])
        }
    }

    private mutating func append(_ data: AMLData) {
        switch data {
        case .integer(let value): appendInteger(value)
        case .string(let text):
            bytes.append(0x0D)
            bytes += text.utf8.filter { (0x01...0x7F).contains($0) } + [0]
        case .eisa(let identifier):
            bytes.append(0x0C)
            bytes += Self.littleEndian(UInt64(identifier.value), 4)
        case .package(let elements):
            precondition(elements.count <= 255, "a package of more elements has another opcode")
            bytes.append(0x12)
            appendPackage([UInt8(elements.count)] + elements.flatMap(Self.encode))
        case .resources(let resources):
            let contents = ACPIResource.encode(resources)
            bytes.append(0x11)
            appendPackage(Self.encode(.integer(UInt64(contents.count))) + contents)
        case .reference(let name): bytes += name.bytes
        }
    }

    /// ZeroOp, OneOp, or the shortest prefix that fits.
    private mutating func appendInteger(_ value: UInt64) {
        switch value {
        case 0...1: bytes.append(UInt8(value))
        case ...0xFF: bytes += [0x0A] + Self.littleEndian(value, 1)
        case ...0xFFFF: bytes += [0x0B] + Self.littleEndian(value, 2)
        case ...0xFFFF_FFFF: bytes += [0x0C] + Self.littleEndian(value, 4)
        default: bytes += [0x0E] + Self.littleEndian(value, 8)
        }
    }

    /// The length, which counts itself, and the contents. One byte holds lengths below 64; else the first byte has how many follow
    /// and the low four bits. Source: ACPI 6.4 §20.2.4.
    private mutating func appendPackage(_ contents: [UInt8]) {
        if contents.count + 1 < 0x40 {
            bytes.append(UInt8(contents.count + 1))
        } else {
            var following = 1
            while contents.count + 1 + following >= 1 << (4 + 8 * following) { following += 1 }
            precondition(following <= 3, "a package of 2^28 bytes")
            let length = UInt64(contents.count + 1 + following)
            bytes.append(UInt8(following << 6) | UInt8(length & 0xF))
            bytes += Self.littleEndian(length >> 4, following)
        }
        bytes += contents
    }

    private static func littleEndian(_ value: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }
}
