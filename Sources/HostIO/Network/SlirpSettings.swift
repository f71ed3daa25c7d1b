package import VMMCore

/// What `swvmm-slirp` is started with, and answers: the contract of two programs of one build.
package struct SlirpSettings: Hashable, Sendable {
    package var user: UserNetwork
    package var mtu: UInt16

    /// The largest that libslirp takes, less what makes it a whole number of words.
    package static let largestMTU: UInt16 = 65520

    package init(_ user: UserNetwork, mtu: UInt16) {
        self.user = user
        self.mtu = mtu
    }

    /// For the program's command line: a word a setting, so that `ps` shows what it does.
    package var arguments: [String] {
        var words = ["net=\(user.network)", "mtu=\(mtu)"]
        if let server = user.nameServer { words.append("dns=\(server)") }
        if let name = user.hostName { words.append("hostname=\(name)") }
        if user.isRestricted { words.append("restrict=on") }
        for forward in user.forwards {
            let guest = forward.guestAddress.map(String.init) ?? ""
            words.append(
                "hostfwd=\(forward.transport.rawValue):\(forward.hostAddress):\(forward.hostPort):\(guest):\(forward.guestPort)"
            )
        }
        return words
    }

    /// Nil: `arguments` has not made them.
    package init?(arguments: [String]) {
        self.init(UserNetwork(), mtu: Self.largestMTU)
        for word in arguments {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, set(parts[0], to: parts[1]) else { return nil }
        }
    }

    private mutating func set(_ key: String, to value: String) -> Bool {
        switch key {
        case "net":
            guard let network = IPv4Network(value) else { return false }
            user.network = network
        case "mtu":
            guard let mtu = UInt16(value) else { return false }
            self.mtu = mtu
        case "dns":
            guard let address = IPv4Address(value) else { return false }
            user.nameServer = address
        case "hostname": user.hostName = value
        case "restrict": user.isRestricted = value == "on"
        case "hostfwd":
            guard let forward = Self.forward(value) else { return false }
            user.forwards.append(forward)
        default: return false
        }
        return true
    }

    private static func forward(_ text: String) -> UserNetwork.Forward? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 5, let transport = UserNetwork.Transport(rawValue: parts[0]),
            let hostAddress = IPv4Address(parts[1]), let hostPort = UInt16(parts[2]), let guestPort = UInt16(parts[4])
        else { return nil }
        let guestAddress = IPv4Address(parts[3])
        guard guestAddress != nil || parts[3].isEmpty else { return nil }
        return UserNetwork.Forward(
            transport, hostAddress: hostAddress, hostPort: hostPort, guestAddress: guestAddress, guestPort: guestPort)
    }
}

/// What the program answers first, as the payload of the stream's first record.
package enum SlirpAnswer: Hashable, Sendable {
    case ready
    /// The forward of this number; the others have not been tried.
    case forwardRefused(index: Int, errno: Int32)
    /// libslirp does not take the settings.
    case settingsRefused

    package var text: String {
        switch self {
        case .ready: "ready"
        case .forwardRefused(let index, let errno): "forward \(index) \(errno)"
        case .settingsRefused: "settings"
        }
    }

    /// Nil: another program speaks.
    package init?(_ text: String) {
        let words = text.split(separator: " ").map(String.init)
        switch words.first {
        case "ready": self = .ready
        case "settings": self = .settingsRefused
        case "forward":
            guard words.count == 3, let index = Int(words[1]), let code = Int32(words[2]) else { return nil }
            self = .forwardRefused(index: index, errno: code)
        default: return nil
        }
    }
}
