import Testing
import VirtioDevices

/// Source: virtio 1.2 §5.10.4 and §5.10.6.
@Suite struct VsockScreeningTests {
    private func screen(
        from source: UInt64 = 3, to destination: UInt64 = 2, type: UInt16 = VsockHeader.stream,
        _ operation: VsockHeader.Operation = .data, length: UInt32 = 8, payload: UInt64 = 8
    ) -> VsockScreening {
        let packet = VsockHeader(from: (source, 1), to: (destination, 1), operation, length: length, type: type)
        return VsockScreening(packet, payload: payload, guestCID: 3)
    }

    @Test("§5.10.6.4.1: a driver MUST send with guest_cid as its source: dropped")
    func source() {
        #expect(screen() == .accept)
        for cid in [0, 1, 2, 4, 1 << 32 | 3] as [UInt64] { #expect(screen(from: cid) == .drop) }
    }

    @Test("§5.10.6.2: packets to anybody but the host, reserved upper bits among them, are refused")
    func destination() {
        for cid in [0, 1, 3, 4, 1 << 32 | 2] as [UInt64] { #expect(screen(to: cid) == .refuse) }
    }

    @Test("§5.10.6.4.2: a packet of unknown type MUST be answered by RST")
    func type() {
        for type in [0, 2, UInt16.max] as [UInt16] { #expect(screen(type: type) == .refuse) }
    }

    @Test("virtio 1.3 §5.10.6: a length beyond the buffers is refused; buffers may be longer than it says")
    func length() {
        #expect(screen(length: 9) == .refuse)
        #expect(screen(length: 7) == .accept)
        #expect(screen(length: 0, payload: 1 << 32) == .accept)
    }

    @Test("§5.10.6: RST is not answered by RST")
    func reset() {
        #expect(screen(to: 7, .reset) == .drop)
        #expect(screen(type: 7, .reset) == .drop)
        #expect(screen(.reset, length: 0, payload: 0) == .accept)
    }

    @Test("§5.10.4: reserved CIDs are not a guest's")
    func reserved() {
        for cid in [0, 1, 2, 0xFFFF_FFFF, 1 << 32] as [UInt64] { #expect(!VsockScreening.guestCIDs.contains(cid)) }
        for cid in [3, 0xFFFF_FFFE] as [UInt64] { #expect(VsockScreening.guestCIDs.contains(cid)) }
    }
}
