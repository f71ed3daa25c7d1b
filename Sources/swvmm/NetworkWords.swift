internal import Glibc
internal import HostIO
internal import VMMCore

extension NetworkArgumentError {
    var words: String {
        switch self {
        case .unknownKind(let argument):
            "--net \(argument): user, tap=NAME, fd=NUMBER, socket=PATH or none is wanted first"
        case .badTapName(let argument): "--net \(argument): tap: a name of 1 to 15 bytes is wanted"
        case .badDescriptor(let argument):
            "--net \(argument): fd: the number of an open descriptor, from 3 on, is wanted"
        case .unknownKey(let argument, let key, let known):
            "--net \(argument): '\(key)' is none of \(known.map(\.rawValue).joined(separator: ", ")), \(RateLimitSettings.words)"
                + "; a comma in a path is written twice"
        case .repeatedKey(let argument, let key): "--net \(argument): '\(key)' is there twice"
        case .badValue(let argument, let key, let wanted): "--net \(argument): \(key): \(wanted)"
        case .badLimit(let argument, let error): "--net \(argument): \(error.words)"
        case .repeatedID(let name): "--net: two networks are called '\(name)'"
        case .repeatedMAC(let address): "--net: two networks have the MAC address \(macWords(address))"
        case .sameCapture(let path): "--net: two networks are to be captured in \(path)"
        case .noneAndOthers: "--net none: there are other --net"
        case .captureOfWhich(0): "--capture: there is no network; add --net"
        case .captureOfWhich(let count): "--capture: of which of \(count) networks? Use --net …,capture=FILE"
        case .repeatedCapture: "--capture: the network has a capture= of its own"
        case .captureWithoutPath: "--capture: a file is wanted"
        }
    }
}

private func macWords(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
}

extension NetworkError {
    /// One line with what would help.
    var words: String {
        switch self {
        case .cannotConnect(let path, let code):
            "\(path): cannot connect: \(HostFacts.describe(errno: code)); passt or another program must listen there (passt --socket \(path))"
        case .badSocketPath(let path, let limit): "'\(path)': a path of 1 to \(limit) bytes is wanted"
        case .loopRefused(let error): error.words
        case .noSlirpProgram(let path, let code):
            "\(path), which user networks run in, cannot be started: \(HostFacts.describe(errno: code)); "
                + "`make build` makes it, and it belongs beside swvmm"
        case .slirpFailed(let path):
            "\(path) ended before it was ready; does it find libslirp? (apt-get install libslirp0)"
        case .slirpRefused: "libslirp refuses these settings"
        case .forwardRefused(let forward, EADDRINUSE):
            "hostfwd: \(forward.hostWords) is in use; choose another port"
        case .forwardRefused(let forward, let code):
            "hostfwd: \(forward.hostWords): \(HostFacts.describe(errno: code))"
        case .tapRefused(let name, ENOENT), .tapRefused(let name, ENODEV):
            "\(name): no /dev/net/tun on this host: modprobe tun; --net user needs none"
        case .tapRefused(let name, EPERM), .tapRefused(let name, EACCES):
            "\(name): no permission; as root: ip tuntap add dev \(name) mode tap user $USER && ip link set \(name) up; --net user needs none"
        case .tapRefused(let name, EBUSY): "\(name): is in use by another program"
        case .tapRefused(let name, EINVAL): "\(name): is no tap device; ip tuntap show lists them"
        case .tapRefused(let name, let code): "\(name): \(HostFacts.describe(errno: code))"
        case .noTapDescriptor(let number, EINVAL), .noTapDescriptor(let number, EBADFD):
            "descriptor \(number): is no tap device with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR"
        case .noTapDescriptor(let number, let code):
            "descriptor \(number): is no tap device: \(HostFacts.describe(errno: code))"
        case .noSocketPair(let code): "no pair of sockets: \(HostFacts.describe(errno: code))"
        case .capture(let error): "capture: \(error.words)"
        }
    }
}
