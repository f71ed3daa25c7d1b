/// What a machine says it is: the texts of SMBIOS's system information, and OEM strings.
public struct SMBIOSIdentity: Hashable, Sendable {
    public var manufacturer = "swvmm"
    public var product = "pc"
    public var version = ""
    public var serial = ""
    public var sku = ""
    public var family = ""
    /// 16 bytes, in the order of its text; nil: the machine has none.
    public var uuid: [UInt8]?
    /// For programs of the guest, systemd's credentials among them.
    public var oemStrings: [String] = []

    public init() {}

    /// Bytes of each text at most, and OEM strings: the caps keep all within the memory that there is for them.
    public static let textLimit = 255
    public static let oemStringLimit = 64
}
