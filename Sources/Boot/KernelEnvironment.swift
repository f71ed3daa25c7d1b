/// The kernel environment: named strings in the order of their first setting, each name once.
///
/// Source: FreeBSD kenv(2), loader(8).
package struct KernelEnvironment: Hashable, Sendable {
    package struct Setting: Hashable, Sendable {
        package let name: String
        package let value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package private(set) var settings: [Setting] = []

    /// Name and value, each without the closing NUL. KENV_MNAMELEN is 128; values may be longer here than FreeBSD's 128, since
    /// the static environment is only bounded as a whole.
    package static let maximumNameLength = 127
    package static let maximumValueLength = 4095
    /// The encoded block, so that options cannot fill the guest's memory.
    package static let maximumSize = 64 << 10

    package init() {}

    /// What bhyveload sets before its `-e` options.
    package static var bhyvePresets: KernelEnvironment {
        var environment = KernelEnvironment()
        environment.settings = [
            Setting(name: "smbios.bios.vendor", value: "BHYVE"), Setting(name: "boot_serial", value: "1"),
        ]
        return environment
    }

    package subscript(name: String) -> String? { settings.first { $0.name == name }?.value }

    /// Adds a setting, or replaces the value of a name that is there.
    package mutating func set(_ name: String, to value: String) throws(KernelEnvironmentError) {
        guard !name.isEmpty else { throw .emptyName }
        guard name.utf8.count <= Self.maximumNameLength else {
            throw .nameTooLong(length: name.utf8.count, limit: Self.maximumNameLength)
        }
        if let bad = name.utf8.first(where: { $0 <= 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "=") }) {
            throw .badNameCharacter(name: name, byte: bad)
        }
        guard value.utf8.count <= Self.maximumValueLength else {
            throw .valueTooLong(name: name, length: value.utf8.count, limit: Self.maximumValueLength)
        }
        guard !value.utf8.contains(0) else { throw .nulInValue(name: name) }
        var changed = settings
        let setting = Setting(name: name, value: value)
        if let index = changed.firstIndex(where: { $0.name == name }) {
            changed[index] = setting
        } else {
            changed.append(setting)
        }
        let size = Self.encodedSize(changed)
        guard size <= Self.maximumSize else { throw .environmentTooLarge(size: size, limit: Self.maximumSize) }
        settings = changed
    }

    /// Takes `name=value`, as `-e` gives it; the value may hold further equals signs.
    package mutating func set(_ assignment: String) throws(KernelEnvironmentError) {
        let utf8 = assignment.utf8
        guard let equals = utf8.firstIndex(of: UInt8(ascii: "=")) else { throw .noEqualsSign(assignment) }
        try set(String(assignment[..<equals]), to: String(assignment[utf8.index(after: equals)...]))
    }

    package mutating func merge(_ other: KernelEnvironment) throws(KernelEnvironmentError) {
        for setting in other.settings { try set(setting.name, to: setting.value) }
    }

    /// `name=value` strings, each ended by NUL, and an empty one.
    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.encodedSize(settings))
        for setting in settings {
            bytes.append(contentsOf: setting.name.utf8)
            bytes.append(UInt8(ascii: "="))
            bytes.append(contentsOf: setting.value.utf8)
            bytes.append(0)
        }
        bytes.append(0)
        return bytes
    }

    private static func encodedSize(_ settings: [Setting]) -> Int {
        settings.reduce(1) { $0 + $1.name.utf8.count + $1.value.utf8.count + 2 }
    }

    /// Reads an encoded block back. Bytes behind the empty string are left alone.
    package static func decode(_ bytes: [UInt8]) throws(KernelEnvironmentError) -> KernelEnvironment {
        var environment = KernelEnvironment()
        var rest = bytes[...]
        while let end = rest.firstIndex(of: 0) {
            let text = rest[..<end]
            guard !text.isEmpty else { return environment }
            try environment.set(String(decoding: text, as: UTF8.self))
            rest = rest[(end + 1)...]
        }
        throw .unterminated
    }
}

package enum KernelEnvironmentError: Error, Hashable, Sendable {
    case noEqualsSign(String)
    case emptyName
    case nameTooLong(length: Int, limit: Int)
    case badNameCharacter(name: String, byte: UInt8)
    case valueTooLong(name: String, length: Int, limit: Int)
    case nulInValue(name: String)
    case environmentTooLarge(size: Int, limit: Int)
    /// An encoded block without its empty string.
    case unterminated
}
