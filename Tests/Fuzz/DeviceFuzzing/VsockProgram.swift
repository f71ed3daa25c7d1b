internal import VMMTestSupport
internal import VirtioDevices

/// What a program does with a vsock device besides its queues: packets of a few streams, and ends that do anything.
enum VsockProgram {
    static func device() -> FuzzedDevice {
        let vsock = ScriptedVsock()
        for port in 0..<3 as Range<UInt32> { vsock.listen(port) }
        return FuzzedDevice(VirtioVsock(vsock, guestCID: 3), event: { act(vsock, &$0) }, packet: packet)
    }

    /// Mostly sound, so that programs get to streams that live.
    private static func packet(_ queue: Int, _ input: inout FuzzInput) -> [UInt8] {
        guard queue == 1 else { return [] }
        let choice = input.byte()
        let payload = input.run(atMost: 100)
        let isWild = choice & 0xE0 == 0xE0
        var header = VsockHeader(
            from: (isWild ? input.doubleword() : 3, port(&input)), to: (isWild ? input.doubleword() : 2, port(&input)),
            .data, length: UInt32(payload.count), flags: UInt32(input.byte()),
            type: isWild ? input.halfword() : VsockHeader.stream)
        header.operation = isWild ? input.halfword() : UInt16(choice % 8)
        if header.operation != VsockHeader.Operation.data.rawValue, !isWild { header.length = 0 }
        if isWild { header.length = input.word() }
        header.bufferSize = UInt32(input.halfword())
        header.forwarded = UInt32(input.byte())
        var bytes: [UInt8] = []
        header.encode(to: &bytes)
        return bytes + payload
    }

    /// Of the guest, or of the host: those that the host's requests are given begin at 2^30.
    private static func port(_ input: inout FuzzInput) -> UInt32 {
        let choice = input.byte()
        return choice & 0x80 == 0 ? UInt32(choice % 4) : 1 << 30 + UInt32(choice % 4)
    }

    private static func act(_ vsock: ScriptedVsock, _ input: inout FuzzInput) {
        let choice = input.byte()
        if choice & 0x40 != 0 { vsock.proceed() }
        guard choice % 8 != 0 else {
            _ = vsock.connect(guestPort: UInt32(input.byte() % 4))
            return
        }
        let ends = vsock.opened.values.suffix(4) + vsock.asked.values.suffix(4)
        guard !ends.isEmpty else { return }
        let end = ends[ends.startIndex + input.number(below: ends.count)]
        switch choice % 8 {
        case 1: end.end()
        case 2: end.fail()
        case 3: end.takeNoMore()
        case 4: end.abandon()
        case 5: end.setRoom(choice & 0x80 == 0 ? nil : input.number(below: 50))
        default: end.give(input.run(atMost: 100))
        }
    }
}
