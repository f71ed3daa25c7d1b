#if arch(x86_64)
    package import VMMCore

    extension KVMHost {
        /// Instructions a second of a guest's kernel mode, measured by a loop of two instructions; nil: the probe could not run.
        ///
        /// No capability tells a KVM that runs kernel mode on the CPU from one that interprets it.
        package static func measureKernelMode(clock: some Clock) -> UInt64? {
            (try? runLoop(clock: clock)) ?? nil
        }

        private static let rounds: UInt32 = 50_000
        /// The best of them counts: others may have waited for a CPU, or for the code's translation on an emulated host.
        private static let runs = 5

        private static func runLoop(clock: some Clock) throws -> UInt64? {
            // In real mode at 0x1000: out 0x80, al; mov ecx, rounds; again: dec ecx; jnz again; out 0x80, al; and back to the mov. The stores to the port
            // are exits: what comes before the first is not measured.
            var code: [UInt8] = [0xE6, 0x80, 0x66, 0xB9]
            for shift in stride(from: UInt32(0), to: 32, by: 8) {
                code.append(UInt8(truncatingIfNeeded: rounds >> shift))
            }
            code += [0x66, 0x49, 0x75, 0xFC, 0xE6, 0x80, 0xEB, 0xF2]
            guard let cpu = try probeCPU(code) else { return nil }
            guard case .portWrite = try cpu.run() else { return nil }
            var best: UInt64 = 0
            for _ in 0..<runs {
                let start = clock.now.rawValue
                guard case .portWrite = try cpu.run() else { return nil }
                let time = max(1, clock.now.rawValue - start)
                best = max(best, UInt64(rounds) * 2 * 1_000_000_000 / time)
            }
            return best
        }
    }
#endif
