/// How much a log line matters, the least value the most.
package enum LogLevel: UInt8, Comparable, Sendable {
    case panic, error, warning, notice, information, debug

    package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }

    package var name: StaticString {
        switch self {
        case .panic: "panic"
        case .error: "error"
        case .warning: "warning"
        case .notice: "notice"
        case .information: "info"
        case .debug: "debug"
        }
    }
}
