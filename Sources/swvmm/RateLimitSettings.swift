internal import VMM

/// The settings of an option that limit a device's rates: `iops=N`, `iops-burst=N`, `bps=SIZE`, `bps-burst=SIZE`.
struct RateLimitSettings {
    /// For messages.
    static let words = "iops=N, iops-burst=N, bps=SIZE, bps-burst=SIZE"

    private enum Key: String {
        case iops
        case iopsBurst = "iops-burst"
        case bps
        case bpsBurst = "bps-burst"
    }

    private var values: [Key: UInt64] = [:]

    /// Takes a setting. False: it is none of these.
    mutating func take(_ setting: SettingList.Setting) throws(RateLimitSettingError) -> Bool {
        guard let key = Key(rawValue: setting.key) else { return false }
        guard values[key] == nil else { throw .repeated(setting.key) }
        let value: UInt64? =
            switch key {
            case .iops, .iopsBurst: setting.value.flatMap(Self.number)
            case .bps, .bpsBurst: setting.value.flatMap { MemorySize(argument: $0)?.bytes }
            }
        guard let value, value > 0 else {
            let isSize = key == .bps || key == .bpsBurst
            throw .badValue(
                setting.key, wanted: isSize ? "a size such as 100M is wanted" : "a number above 0 is wanted")
        }
        values[key] = value
        return true
    }

    private static func number(_ text: String) -> UInt64? {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? UInt64(text) : nil
    }

    /// What was taken.
    func limits() throws(RateLimitSettingError) -> MachineConfiguration.RateLimits {
        if values[.iopsBurst] != nil, values[.iops] == nil { throw .burstAlone("iops-burst", rate: "iops") }
        if values[.bpsBurst] != nil, values[.bps] == nil { throw .burstAlone("bps-burst", rate: "bps") }
        var limits = MachineConfiguration.RateLimits()
        limits.operations = values[.iops]
        limits.operationsBurst = values[.iopsBurst]
        limits.bytes = values[.bps]
        limits.bytesBurst = values[.bpsBurst]
        return limits
    }
}

/// What is wrong with a limit.
enum RateLimitSettingError: Error, Hashable {
    case repeated(String)
    case badValue(String, wanted: String)
    case burstAlone(String, rate: String)

    /// Behind the option and a colon.
    var words: String {
        switch self {
        case .repeated(let key): "'\(key)' is there twice"
        case .badValue(let key, let wanted): "\(key): \(wanted)"
        case .burstAlone(let key, let rate): "\(key): only with \(rate)"
        }
    }
}
