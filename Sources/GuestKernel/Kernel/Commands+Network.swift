/// `net`: the network cards. What they can do is the stub's, see `StubStack`.
enum NetworkCommand {
    static var usage: StaticString { "[dhcp [N] | ping ADDRESS [COUNT] | stats]" }

    static func run(_ arguments: [Word], _ output: TextOutput) -> CommandStatus {
        guard let verb = arguments.first else { return list(output) }
        switch arguments.count {
        case 1 where verb == "stats": return statistics(output)
        case 1 where verb == "dhcp": return dhcp(0, output)
        case 2 where verb == "dhcp":
            guard let number = arguments[1].integer else { return .usage }
            return dhcp(number, output)
        case 2 where verb == "ping": return ping(arguments[1], 1, output)
        case 3 where verb == "ping":
            guard let count = arguments[2].integer, count > 0, count <= 1000 else { return .usage }
            return ping(arguments[1], count, output)
        default: return .usage
        }
    }

    private static func say(_ text: StaticString, _ output: TextOutput) -> CommandStatus {
        output.write(text)
        output.newLine()
        return .failed
    }

    private static func writeName(_ device: VirtioNetworkDevice, _ output: TextOutput) {
        output.write("net")
        output.write(decimal: device.index)
        output.spaces(2)
    }

    private static func list(_ output: TextOutput) -> CommandStatus {
        if Devices.networks.isEmpty {
            output.write("no network cards")
            output.newLine()
        }
        for device in Devices.networks {
            writeName(device, output)
            output.write(device.busName)
            output.spaces(2)
            output.write(device.hardware)
            output.write(device.isLinkUp ? ", up" : ", down")
            if let lease = device.lease {
                output.write(", ")
                output.write(lease.address)
            }
            if let failure = device.failure {
                output.write(", ")
                output.write(failure.reason)
            }
            output.newLine()
        }
        return .done
    }

    private static func statistics(_ output: TextOutput) -> CommandStatus {
        for device in Devices.networks {
            let counts = device.statistics
            writeName(device, output)
            output.write(decimal: counts.received)
            output.write(" frames (")
            output.write(size: counts.receivedBytes)
            output.write(") received by ")
            output.write(decimal: device.batches)
            output.write(" wake-ups, ")
            output.write(decimal: counts.sent)
            output.write(" (")
            output.write(size: counts.sentBytes)
            output.write(") sent, ")
            output.write(decimal: counts.malformed)
            output.write(" malformed, ")
            output.write(decimal: counts.dropped)
            output.write(" dropped, ")
            output.write(decimal: device.echoesAnswered)
            output.write(" echoes answered")
            output.newLine()
        }
        return .done
    }

    private static func dhcp(_ number: UInt64, _ output: TextOutput) -> CommandStatus {
        let devices = Devices.networks
        guard number < UInt64(devices.count) else { return say("no such network card", output) }
        let device = devices[Int(number)]
        guard let lease = device.obtainLease() else {
            return say(device.isRefused ? "the DHCP server refuses" : "no answer from a DHCP server", output)
        }
        writeName(device, output)
        output.write(lease.address)
        output.write(" mask ")
        output.write(lease.mask)
        output.write(", router ")
        output.write(lease.router)
        output.write(", name server ")
        output.write(lease.nameServer)
        output.write(", for ")
        output.write(decimal: UInt64(lease.duration))
        output.write(" s")
        output.newLine()
        return .done
    }

    private static func ping(_ text: Word, _ count: UInt64, _ output: TextOutput) -> CommandStatus {
        guard let address = IPv4Address(text.bytes) else {
            output.write(text.bytes)
            return say(" is no IPv4 address", output)
        }
        var found: VirtioNetworkDevice?
        for device in Devices.networks where found == nil && device.lease != nil { found = device }
        guard let device = found else { return say("no card has an address; try net dhcp", output) }
        guard let hardware = device.resolve(address) else { return say("nobody answers to ARP", output) }
        var answered: UInt64 = 0
        for sequence in 1...count {
            guard let time = device.ping(address, at: hardware, sequence: UInt16(sequence)) else { continue }
            answered += 1
            output.write("echo ")
            output.write(decimal: sequence)
            output.write(" from ")
            output.write(address)
            output.write(" in ")
            output.write(duration: time)
            output.newLine()
        }
        output.write(decimal: answered)
        output.write(" of ")
        output.write(decimal: count)
        output.write(" answered")
        output.newLine()
        return answered > 0 ? .done : .failed
    }
}

/// `rng`: random bytes of the device's.
enum RandomCommand {
    private static var limit: UInt64 { 4096 }

    static func run(_ arguments: [Word], _ output: TextOutput) -> CommandStatus {
        guard arguments.count <= 1 else { return .usage }
        let count = arguments.isEmpty ? 16 : arguments[0].integer ?? 0
        guard count > 0, count <= limit else { return .usage }
        guard let device = Devices.entropy else {
            output.write("no source of random numbers")
            output.newLine()
            return .failed
        }
        let bytes = device.read(Int(count))
        for index in bytes.indices {
            output.write(hex: UInt64(bytes[index]), digits: 2)
            if index % 32 == 31 { output.newLine() }
        }
        if bytes.count % 32 != 0 { output.newLine() }
        guard bytes.count < Int(count) else { return .done }
        output.write("the device gave no more")
        output.newLine()
        return .failed
    }
}
