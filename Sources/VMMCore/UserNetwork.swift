/// A network without privileges on the host: a guest's connections are made by a program of the host in its own name, and it
/// sees a router, a name server and a DHCP server.
public struct UserNetwork: Hashable, Sendable {
    public enum Transport: String, CaseIterable, Sendable { case tcp, udp }

    /// A port of the host that leads to the guest.
    public struct Forward: Hashable, Sendable {
        public var transport: Transport
        public var hostAddress: IPv4Address
        /// Not 0.
        public var hostPort: UInt16
        /// Nil: the address that DHCP gives first.
        public var guestAddress: IPv4Address?
        /// Not 0.
        public var guestPort: UInt16

        public init(
            _ transport: Transport, hostAddress: IPv4Address = .loopback, hostPort: UInt16, guestAddress: IPv4Address?,
            guestPort: UInt16
        ) {
            self.transport = transport
            self.hostAddress = hostAddress
            self.hostPort = hostPort
            self.guestAddress = guestAddress
            self.guestPort = guestPort
        }
    }

    /// The guest's: the host is number 2 in it, the name server 3, and DHCP gives numbers from 15 on.
    public var network: IPv4Network
    /// Where the guest sees the name server, in `network`; nil: number 3.
    public var nameServer: IPv4Address?
    /// What DHCP calls the guest.
    public var hostName: String?
    public var forwards: [Forward] = []
    /// The guest reaches nothing but the network's own services; forwards to it work.
    public var isRestricted = false

    /// With more bits there is no number 15.
    public static let prefixLengths = 8...27

    public init(_ network: IPv4Network = .usual) { self.network = network }
}
