internal import VMMCore

/// The values of `--smbios`: settings behind commas.
enum SMBIOSArgument {
    private enum Key: String {
        case manufacturer, product, version, serial, sku, family, uuid, oem
    }

    static func identity(_ arguments: [String]) throws(SMBIOSArgumentError) -> SMBIOSIdentity {
        var identity = SMBIOSIdentity()
        var seen: Set<Key> = []
        for argument in arguments {
            let list = SettingList(argument)
            for setting in [SettingList.Setting(list.subject)] + list.settings {
                guard let key = Key(rawValue: setting.key) else { throw .unknownKey(argument, setting.key) }
                guard key == .oem || seen.insert(key).inserted else { throw .repeatedKey(setting.key) }
                let text = setting.value ?? ""
                guard isText(text) else { throw .badText(setting.key) }
                try set(key, text, in: &identity)
            }
        }
        return identity
    }

    private static func set(_ key: Key, _ text: String, in identity: inout SMBIOSIdentity) throws(SMBIOSArgumentError) {
        switch key {
        case .manufacturer: identity.manufacturer = text
        case .product: identity.product = text
        case .version: identity.version = text
        case .serial: identity.serial = text
        case .sku: identity.sku = text
        case .family: identity.family = text
        case .uuid:
            guard let bytes = uuid(text) else { throw .badUUID(text) }
            identity.uuid = bytes
        case .oem:
            guard identity.oemStrings.count < SMBIOSIdentity.oemStringLimit else { throw .tooManyStrings }
            identity.oemStrings.append(text)
        }
    }

    /// Strings have no zeros in them, and at least a byte.
    private static func isText(_ text: String) -> Bool {
        (1...SMBIOSIdentity.textLimit).contains(text.utf8.count) && !text.utf8.contains(0)
    }

    /// Five groups of 8, 4, 4, 4 and 12 hexadecimal digits. Source: RFC 4122 §3.
    private static func uuid(_ text: String) -> [UInt8]? {
        let groups = text.split(separator: "-", omittingEmptySubsequences: false)
        guard groups.map(\.utf8.count) == [8, 4, 4, 4, 12] else { return nil }
        let digits = groups.joined().compactMap(\.hexDigitValue)
        guard digits.count == 32 else { return nil }
        return stride(from: 0, to: 32, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}

/// What is wrong with a `--smbios`.
enum SMBIOSArgumentError: Error, Hashable {
    case unknownKey(String, String)
    case repeatedKey(String)
    case badText(String)
    case badUUID(String)
    case tooManyStrings
}

extension SMBIOSArgumentError {
    var words: String {
        switch self {
        case .unknownKey(let argument, let key):
            "--smbios \(argument): '\(key)' is none of manufacturer, product, version, serial, sku, family, uuid, oem; a comma in a text is written twice"
        case .repeatedKey(let key): "--smbios: '\(key)' is there twice; only oem may be"
        case .badText(let key): "--smbios: \(key): 1 to \(SMBIOSIdentity.textLimit) bytes of text are wanted"
        case .badUUID(let text):
            "--smbios: uuid=\(text): a UUID is wanted, as 123e4567-e89b-12d3-a456-426614174000"
        case .tooManyStrings: "--smbios: oem: at most \(SMBIOSIdentity.oemStringLimit) are possible"
        }
    }
}
