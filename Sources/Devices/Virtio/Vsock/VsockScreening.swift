/// What becomes of a packet of the guest before its connection is looked for. Pure.
package enum VsockScreening: Hashable, Sendable {
    /// Its addresses, type and length are sound: its connection decides.
    case accept
    /// Answer with `VsockHeader.refusal`.
    case refuse
    /// No answer: there is nobody to answer to, or it would be answered without end.
    case drop

    /// - Parameters:
    ///   - payload: readable bytes behind the header.
    ///   - guestCID: of the configuration space.
    package init(_ packet: VsockHeader, payload: UInt64, guestCID: UInt64) {
        // §5.10.6.4.1: a driver MUST use guest_cid as source; another one's connections are not its to reset.
        guard packet.sourceCID == guestCID else { self = .drop; return }
        // The driver's buffers may be longer than the payload (virtio 1.3 §5.10.6).
        guard packet.destinationCID == VsockHeader.hostCID, packet.type == VsockHeader.stream,
            UInt64(packet.length) <= payload
        else {
            // Two sides that answer RST with RST would never stop.
            self = packet.operation == VsockHeader.Operation.reset.rawValue ? .drop : .refuse
            return
        }
        self = .accept
    }

    /// CIDs that a guest may have. Source: virtio 1.2 §5.10.4: 0, 1, 2, 0xFFFFFFFF and all with upper 32 bits are reserved.
    package static let guestCIDs: ClosedRange<UInt64> = 3...0xFFFF_FFFE
}
