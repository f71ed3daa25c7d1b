/// `blk`: the disks, and what they read and write. Sectors are of 512 bytes.
enum BlockCommand {
    static var usage: StaticString {
        "[read N SECTOR [COUNT] | write|compare N SECTOR COUNT PATTERN | flush N | speed N]"
    }

    /// Sectors a request: 64 KiB.
    private static var chunkOrder: Int { 4 }
    private static var depthLimit: Int { 8 }
    /// The most `blk read` shows.
    private static var readLimit: UInt64 { 128 }

    static func run(_ arguments: [Word], _ output: TextOutput) -> CommandStatus {
        guard let verb = arguments.first else { return list(output) }
        guard arguments.count >= 2 else { return .usage }
        let numbers = arguments[1...].map { $0.integer }
        for index in numbers.indices where numbers[index] == nil {
            output.write(arguments[index + 1].bytes)
            output.write(" is no number")
            output.newLine()
            return .failed
        }
        let values = numbers.map { $0 ?? 0 }
        guard let disk = disk(values[0], output) else { return .failed }
        switch values.count {
        case 1 where verb == "flush": return flush(disk, output)
        case 1 where verb == "speed": return speed(disk, output)
        case 2 where verb == "read": return read(disk, values[1], 1, output)
        case 3 where verb == "read": return read(disk, values[1], values[2], output)
        case 4 where verb == "write" || verb == "compare":
            let isWrite = verb == "write"
            return transfer(disk, isWrite ? .write : .read, values[1], values[2], BlockPattern(values[3]), output)
        default: return .usage
        }
    }

    private static func disk(_ number: UInt64, _ output: TextOutput) -> VirtioBlockDevice? {
        let disks = Devices.blocks
        if number < UInt64(disks.count) { return disks[Int(number)] }
        output.write("no disk ")
        output.write(decimal: number)
        output.write("; there ")
        output.write(disks.count == 1 ? "is " : "are ")
        output.write(decimal: disks.count)
        output.newLine()
        return nil
    }

    private static func list(_ output: TextOutput) -> CommandStatus {
        let disks = Devices.blocks
        if disks.isEmpty {
            output.write("no disks")
            output.newLine()
        }
        for disk in disks {
            output.write("blk")
            output.write(decimal: disk.index)
            output.spaces(2)
            output.write(disk.busName)
            output.spaces(2)
            output.write(size: disk.sectorCount &* 512)
            output.write(", ")
            output.write(decimal: disk.sectorCount)
            output.write(" sectors, blocks of ")
            output.write(decimal: UInt64(disk.blockSize))
            output.write(disk.isReadOnly ? ", read-only" : disk.hasFlush ? ", flush" : "")
            output.write(", ")
            output.write(decimal: disk.completed)
            output.write(" requests by ")
            output.write(decimal: disk.batches)
            output.write(" interrupts")
            if let failure = disk.failure {
                output.write(", ")
                output.write(failure.reason)
            }
            output.newLine()
        }
        return .done
    }

    /// Says why a request came to nothing.
    private static func report(_ request: BlockRequest, _ output: TextOutput) -> CommandStatus {
        output.write("sector ")
        output.write(decimal: request.sector)
        output.write(": ")
        output.write(request.status.reason)
        output.newLine()
        return .failed
    }

    private static func flush(_ disk: VirtioBlockDevice, _ output: TextOutput) -> CommandStatus {
        let pipeline = BlockPipeline(disk, depth: 1, order: 0)
        defer { pipeline.end() }
        let start = Clock.now
        let request = pipeline.take()
        request.operation = .flush
        pipeline.submit(request)
        guard pipeline.take().status == .done else { return report(request, output) }
        output.write("flushed in ")
        output.write(duration: Clock.now - start)
        output.newLine()
        return .done
    }

    private static func read(
        _ disk: VirtioBlockDevice, _ sector: UInt64, _ count: UInt64, _ output: TextOutput
    ) -> CommandStatus {
        guard count > 0, count <= readLimit else {
            output.write("1 to ")
            output.write(decimal: readLimit)
            output.write(" sectors at a time")
            output.newLine()
            return .failed
        }
        let pipeline = BlockPipeline(disk, depth: 1, order: chunkOrder)
        defer { pipeline.end() }
        let request = pipeline.take()
        request.sector = sector
        request.memory.count = UInt32(count * 512)
        pipeline.submit(request)
        guard pipeline.take().status == .done else { return report(request, output) }
        output.write(dump: pipeline.storage(of: request), count: Int(count * 512), origin: sector &* 512)
        return .done
    }

    /// Writes a pattern, or reads and compares it, with several requests in flight.
    private static func transfer(
        _ disk: VirtioBlockDevice, _ operation: BlockRequest.Operation, _ sector: UInt64, _ count: UInt64,
        _ pattern: BlockPattern, _ output: TextOutput
    ) -> CommandStatus {
        let pipeline = BlockPipeline(disk, depth: min(disk.depth, depthLimit), order: chunkOrder)
        defer { pipeline.end() }
        let chunk = UInt64(pipeline.capacity) / 512
        let start = Clock.now
        var next: UInt64 = 0
        var status = CommandStatus.done
        func check(_ request: BlockRequest) {
            guard request.status != .pending, status == .done else { return }
            if request.status != .done {
                status = report(request, output)
            } else if operation == .read {
                status = compare(request, pipeline, pattern, output)
            }
        }
        while next < count {
            let request = pipeline.take()
            check(request)
            guard status == .done else { break }
            request.operation = operation
            request.sector = sector &+ next
            request.memory.count = UInt32(min(chunk, count - next) * 512)
            if operation == .write {
                pattern.fill(
                    pipeline.storage(of: request), count: Int(request.memory.count), sector: request.sector)
            }
            next += min(chunk, count - next)
            pipeline.submit(request)
        }
        while pipeline.inFlight > 0 { check(pipeline.take()) }
        guard status == .done else { return status }
        Commands.writeCount(Int(truncatingIfNeeded: count), "sector", to: output)
        output.write(operation == .write ? " written in " : " compared in ")
        output.write(duration: Clock.now - start)
        output.newLine()
        return .done
    }

    private static func compare(
        _ request: BlockRequest, _ pipeline: BlockPipeline, _ pattern: BlockPattern, _ output: TextOutput
    ) -> CommandStatus {
        let storage = pipeline.storage(of: request)
        guard
            let difference = pattern.difference(storage, count: Int(request.memory.count), sector: request.sector)
        else { return .done }
        output.write("sector ")
        output.write(decimal: request.sector &+ UInt64(difference.offset / 512))
        output.write(", byte ")
        output.write(decimal: UInt64(difference.offset % 512))
        output.write(": 0x")
        output.write(hex: difference.found, digits: 16)
        output.write(" instead of 0x")
        output.write(hex: difference.expected, digits: 16)
        output.newLine()
        return .failed
    }

    /// Reads for a third of a second each way: from the start in large pieces, and small ones here and there.
    private static func speed(_ disk: VirtioBlockDevice, _ output: TextOutput) -> CommandStatus {
        var position: UInt64 = 0
        let sequential = measure(disk, order: chunkOrder, output) { limit in
            defer { position += 1 }
            return position % limit
        }
        guard let sequential else { return .failed }
        var state: UInt64 = 1
        let random = measure(disk, order: 0, output) { limit in
            // A linear congruential generator: any places will do.
            state = state &* 6_364_136_223_846_793_005 &+ 1
            return (state >> 33) % limit
        }
        guard let random else { return .failed }
        output.write("sequential, 64 KiB: ")
        output.write(size: sequential * 65_536)
        output.write("/s")
        output.newLine()
        output.write("random, 4 KiB: ")
        output.write(decimal: random)
        output.write(" requests/s")
        output.newLine()
        return .done
    }

    /// Requests a second, each at a multiple of its size; nil when one failed, or the disk is smaller than one.
    private static func measure(
        _ disk: VirtioBlockDevice, order: Int, _ output: TextOutput, _ place: (UInt64) -> UInt64
    ) -> UInt64? {
        let pipeline = BlockPipeline(disk, depth: min(disk.depth, depthLimit), order: order)
        defer { pipeline.end() }
        let sectors = UInt64(pipeline.capacity) / 512
        let limit = disk.sectorCount / sectors
        guard limit > 0 else {
            output.write("the disk is too small")
            output.newLine()
            return nil
        }
        let start = Clock.now
        let end = start + 333_000_000
        var count: UInt64 = 0
        var failed = false
        func check(_ request: BlockRequest) {
            if request.status == .done { count += 1 }
            guard request.status != .pending, request.status != .done, !failed else { return }
            failed = true
            _ = report(request, output)
        }
        while !failed, Clock.now < end {
            let request = pipeline.take()
            check(request)
            request.operation = .read
            request.sector = place(limit) * sectors
            pipeline.submit(request)
        }
        while pipeline.inFlight > 0 { check(pipeline.take()) }
        return failed ? nil : count * 1_000_000 / max((Clock.now - start) / 1000, 1)
    }
}
