internal import VMM
internal import VMMCore

/// The value of `--net`: what a network is connected to, and settings behind commas.
enum NetworkArgument {
    static let queueLimit = 8
    /// Source: <linux/if.h>, IFNAMSIZ, with the terminating zero.
    private static let tapNameLimit = 15
    static let smallestMTU: UInt16 = 68
    /// Source: RFC 1035 §2.3.4: a label of a name.
    static let hostNameLimit = 63

    enum Key: String, CaseIterable {
        case mac, mtu, queues, id, capture
        case hostfwd, net, dns, hostname, restrict

        static let common: [Key] = [.mac, .mtu, .queues, .id, .capture]
    }

    /// All of a command line's networks. `capture`: the value of `--capture`, which is about the only one.
    static func networks(
        _ arguments: [String], capture: String? = nil
    ) throws(NetworkArgumentError) -> [MachineConfiguration.Network] {
        var networks: [MachineConfiguration.Network] = []
        for argument in arguments {
            if argument == "none" {
                guard arguments.count == 1 else { throw .noneAndOthers }
            } else {
                networks.append(try network(argument))
            }
        }
        if let capture {
            guard networks.count == 1 else { throw .captureOfWhich(networks: networks.count) }
            guard networks[0].capturePath == nil else { throw .repeatedCapture }
            guard !capture.isEmpty else { throw .captureWithoutPath }
            networks[0].capturePath = capture
        }
        try checkUnique(networks)
        return networks
    }

    private static func checkUnique(_ networks: [MachineConfiguration.Network]) throws(NetworkArgumentError) {
        var names: Set<String> = []
        var addresses: Set<[UInt8]> = []
        var captures: Set<String> = []
        for (number, network) in networks.enumerated() {
            let name = network.id ?? "net\(number)"
            guard names.insert(name).inserted else { throw .repeatedID(name) }
            if let address = network.macAddress, !addresses.insert(address).inserted { throw .repeatedMAC(address) }
            if let path = network.capturePath, !captures.insert(path).inserted { throw .sameCapture(path) }
        }
    }

    private static func network(_ argument: String) throws(NetworkArgumentError) -> MachineConfiguration.Network {
        let list = SettingList(argument)
        var network = MachineConfiguration.Network(try connection(list))
        var user = UserNetwork()
        let isUser = network.connection == .user(user)
        var seen: Set<Key> = []
        var limits = RateLimitSettings()
        for setting in list.settings {
            do throws(RateLimitSettingError) {
                if try limits.take(setting) { continue }
            } catch {
                throw .badLimit(argument, error)
            }
            guard let key = Key(rawValue: setting.key), isUser || Key.common.contains(key) else {
                throw .unknownKey(argument, setting.key, isUser ? Key.allCases : Key.common)
            }
            guard seen.insert(key).inserted || key == .hostfwd else { throw .repeatedKey(argument, setting.key) }
            let fault = Fault(argument: argument, key: key)
            guard let value = setting.value, !value.isEmpty else { throw fault("a value is wanted") }
            if Key.common.contains(key) {
                try set(key, of: &network, to: value, fault)
            } else {
                try set(key, of: &user, to: value, fault)
            }
        }
        do throws(RateLimitSettingError) {
            network.limits = try limits.limits()
        } catch {
            throw .badLimit(argument, error)
        }
        if isUser {
            try check(user, Fault(argument: argument, key: .net), Fault(argument: argument, key: .dns))
            network.connection = .user(user)
        }
        return network
    }

    /// What stands before the first comma.
    private static func connection(
        _ list: SettingList
    ) throws(NetworkArgumentError) -> MachineConfiguration.Network.Connection {
        let kind = SettingList.Setting(list.subject)
        switch (kind.key, kind.value) {
        case ("user", nil): return .user(UserNetwork())
        case ("socket", let path?) where !path.isEmpty: return .socket(path: path)
        case ("tap", let name):
            guard let name, (1...tapNameLimit).contains(name.utf8.count), !name.utf8.contains(UInt8(ascii: "/")) else {
                throw .badTapName(list.argument)
            }
            return .tap(name: name)
        case ("fd", let text):
            // The first three are the console's.
            guard let number = text.flatMap({ Int32($0) }), number > 2 else { throw .badDescriptor(list.argument) }
            return .tapDescriptor(number)
        default: throw .unknownKind(list.argument)
        }
    }

    private static func set(
        _ key: Key, of network: inout MachineConfiguration.Network, to value: String, _ fault: Fault
    ) throws(NetworkArgumentError) {
        switch key {
        case .mac:
            guard let address = macAddress(value) else {
                throw fault("six bytes such as 52:54:00:12:34:56, the first of them even, are wanted")
            }
            network.macAddress = address
        case .mtu:
            guard let mtu = UInt16(value), mtu >= smallestMTU else {
                throw fault("bytes from \(smallestMTU) to 65535 are wanted")
            }
            network.mtu = mtu
        case .queues:
            guard let count = Int(value), (1...queueLimit).contains(count) else {
                throw fault("from 1 to \(queueLimit) pairs of queues are possible")
            }
            network.queuePairs = count
        case .id:
            guard SettingList.isName(value) else { throw fault(SettingList.nameWords) }
            network.id = value
        case .capture: network.capturePath = value
        case .hostfwd, .net, .dns, .hostname, .restrict: break
        }
    }

    private static func set(
        _ key: Key, of user: inout UserNetwork, to value: String, _ fault: Fault
    ) throws(NetworkArgumentError) {
        switch key {
        case .hostfwd:
            guard let forward = forward(value) else {
                throw fault("tcp|udp:[HOST-ADDRESS]:PORT-[GUEST-ADDRESS]:PORT is wanted, not '\(value)'")
            }
            let isTaken = user.forwards.contains {
                $0.transport == forward.transport && $0.hostAddress == forward.hostAddress
                    && $0.hostPort == forward.hostPort
            }
            guard !isTaken else { throw fault("\(forward.hostWords) is there twice") }
            user.forwards.append(forward)
        case .net:
            guard let network = IPv4Network(value), UserNetwork.prefixLengths.contains(network.prefixLength) else {
                throw fault("a network such as 10.0.2.0/24, of 8 to 27 bits, is wanted")
            }
            user.network = network
        case .dns:
            guard let address = IPv4Address(value) else { throw fault("an IPv4 address is wanted") }
            user.nameServer = address
        case .hostname:
            guard value.utf8.count <= hostNameLimit, value.utf8.allSatisfy(isHostNameCharacter) else {
                throw fault("up to \(hostNameLimit) letters, digits and '-' are wanted")
            }
            user.hostName = value
        case .restrict:
            guard value == "on" || value == "off" else { throw fault("on or off is wanted") }
            user.isRestricted = value == "on"
        case .mac, .mtu, .queues, .id, .capture: break
        }
    }

    /// What depends on settings that may come in any order.
    private static func check(
        _ user: UserNetwork, _ net: Fault, _ dns: Fault
    ) throws(NetworkArgumentError) {
        if let server = user.nameServer {
            guard user.network.contains(server), server != user.network.host(2) else {
                throw dns(
                    "a free address in \(user.network) is wanted: the guest's queries to it go to the host's name server"
                )
            }
        }
        for forward in user.forwards {
            guard let address = forward.guestAddress, !user.network.contains(address) else { continue }
            throw net("\(address), where a hostfwd leads, is not in \(user.network)")
        }
    }

    private static func isHostNameCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// `tcp:127.0.0.1:8080-:80`, as QEMU has it; without a host's address it is the loopback's.
    private static func forward(_ text: String) -> UserNetwork.Forward? {
        let sides = text.split(separator: "-", omittingEmptySubsequences: false)
        guard sides.count == 2 else { return nil }
        let host = sides[0].split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        let guest = sides[1].split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard host.count == 3, guest.count == 2, let transport = UserNetwork.Transport(rawValue: host[0]),
            let hostAddress = host[1].isEmpty ? .loopback : IPv4Address(host[1]), let hostPort = port(host[2]),
            let guestPort = port(guest[1])
        else { return nil }
        let guestAddress = IPv4Address(guest[0])
        guard guestAddress != nil || guest[0].isEmpty else { return nil }
        return UserNetwork.Forward(
            transport, hostAddress: hostAddress, hostPort: hostPort, guestAddress: guestAddress, guestPort: guestPort)
    }

    private static func port(_ text: String) -> UInt16? {
        guard let port = UInt16(text), port > 0, text.utf8.first != UInt8(ascii: "+") else { return nil }
        return port
    }

    /// Of one station: a group's address has the first byte's lowest bit set.
    private static func macAddress(_ text: String) -> [UInt8]? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { $0.utf8.count == 2 && $0.first != "+" ? UInt8($0, radix: 16) : nil }
        guard parts.count == 6, bytes.count == 6, bytes[0] & 1 == 0, bytes != [0, 0, 0, 0, 0, 0] else { return nil }
        return bytes
    }

    /// Makes the error of a key's value.
    private struct Fault {
        let argument: String
        let key: Key

        func callAsFunction(_ wanted: String) -> NetworkArgumentError {
            .badValue(argument, key.rawValue, wanted: wanted)
        }
    }
}

extension UserNetwork.Forward {
    var hostWords: String { "\(transport.rawValue) \(hostAddress):\(hostPort)" }
}

/// What is wrong with a `--net` or `--capture`.
enum NetworkArgumentError: Error, Hashable {
    case unknownKind(String)
    case badTapName(String)
    case badDescriptor(String)
    case unknownKey(String, String, [NetworkArgument.Key])
    case repeatedKey(String, String)
    case badValue(String, String, wanted: String)
    case badLimit(String, RateLimitSettingError)
    case repeatedID(String)
    case repeatedMAC([UInt8])
    case sameCapture(String)
    case noneAndOthers
    case captureOfWhich(networks: Int)
    case repeatedCapture
    case captureWithoutPath
}
