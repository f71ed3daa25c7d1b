internal import HostIO
internal import VMMCore

/// A named port of the session's virtio console: opened once, used by each of its machines.
struct SessionPort: Sendable {
    let name: String
    let server: CharacterServer

    /// Listens at the sockets of a configuration.
    static func open(
        _ configuration: MachineConfiguration, loop: EventLoop
    ) throws(BootError) -> [SessionPort] {
        var ports: [SessionPort] = []
        for port in configuration.ports {
            do throws(TCPServerError) {
                ports.append(SessionPort(name: port.name, server: try CharacterServer(.path(port.path), loop: loop)))
            } catch {
                throw .port(name: port.name, error)
            }
        }
        return ports
    }
}
