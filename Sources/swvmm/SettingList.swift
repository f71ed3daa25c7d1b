/// The value of an option such as `--disk`: what it is about, and settings behind commas.
struct SettingList {
    struct Setting: Hashable {
        let key: String
        /// Behind the first equals sign; nil: there is none.
        let value: String?

        init(_ text: String) {
            let pieces = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            key = pieces[0]
            value = pieces.count > 1 ? pieces[1] : nil
        }
    }

    /// As the user wrote it.
    let argument: String
    /// What stands before the first comma.
    let subject: String
    let settings: [Setting]

    private static let nameLimit = 32

    init(_ argument: String) {
        self.argument = argument
        let parts = Self.parts(of: argument)
        subject = parts[0]
        settings = parts.dropFirst().map(Setting.init)
    }

    /// Splits at single commas; two stand for one.
    private static func parts(of argument: String) -> [String] {
        var parts = [""]
        var rest = argument[...]
        while let character = rest.popFirst() {
            guard character == "," else {
                parts[parts.count - 1].append(character)
                continue
            }
            if rest.first == "," {
                rest.removeFirst()
                parts[parts.count - 1].append(",")
            } else {
                parts.append("")
            }
        }
        return parts
    }

    /// What a device may be called in messages.
    static func isName(_ text: String) -> Bool {
        (1...nameLimit).contains(text.utf8.count) && text.utf8.allSatisfy(isNameCharacter)
    }

    static let nameWords = "1 to \(nameLimit) letters, digits, '-', '_' and '.' are wanted"

    private static func isNameCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
