internal import ArgumentParser
internal import VMM

/// `--gdb`: a port, or `unix:` and a path.
struct DebuggerAddressOption: ExpressibleByArgument {
    let address: MachineConfiguration.DebuggerAddress

    init?(argument: String) {
        if argument.hasPrefix("unix:") {
            let path = argument.dropFirst("unix:".count)
            guard !path.isEmpty else { return nil }
            address = .unix(path: String(path))
        } else {
            guard let port = UInt16(argument), port > 0 else { return nil }
            address = .port(port)
        }
    }
}
