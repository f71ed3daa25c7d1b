internal import VMMCore

// HLT #0xF000 at EL1, where a machine has a handler for it; without one HLT is undefined.

extension Core {
    /// The immediate of HLT that asks for it. Source: ARM-software/abi-aa, semihosting, "The semihosting interface".
    static let semihostingCall: UInt32 = 0xF000

    /// How long a call that cannot be answered yet waits for its next try; attention ends it earlier.
    private static let retryMicroseconds = 5000

    func callSemihosting(_ pc: UInt64) -> Outcome {
        guard let semihosting else { return stop(.unknown) }
        let result = semihosting.call(
            state.w(0), parameter: state.x(1), memory: CurrentMemory(core: self, regime: currentRegime))
        switch result {
        case .done(let value):
            state.setX(0, value)
            return .next
        case .wait:
            group.leaveGuest(index)
            signals.waitForEvent(microseconds: Self.retryMicroseconds)
            group.enterGuest(index)
            state.pc = pc
            return .jump
        }
    }

    /// Memory as the instruction that is being executed may access it.
    private struct CurrentMemory: GuestVirtualMemory {
        let core: Core
        let regime: AccessRegime

        func read(_ address: UInt64, count: Int) -> [UInt8]? {
            var bytes: [UInt8] = []
            let isWhole = forEachPage(address, count, .read) { place, count in
                for offset in 0..<count { bytes.append(place.host.load(UInt8.self, at: offset)) }
            }
            return isWhole ? bytes : nil
        }

        func write(_ bytes: [UInt8], at address: UInt64) -> Bool {
            var rest = bytes[...]
            return forEachPage(address, bytes.count, .write) { place, count in
                for offset in 0..<count { place.host.store(rest.removeFirst(), at: offset) }
                core.noticeStore(place, count: UInt64(count))
            }
        }

        /// Calls `body` with each page's part. False: one of them is not RAM, or not accessible; those before it were used.
        private func forEachPage(
            _ address: UInt64, _ count: Int, _ access: MemoryAccess, _ body: (RAMMap.Place, Int) -> Void
        ) -> Bool {
            var done = 0
            while done < count {
                let here = address &+ UInt64(done)
                let inPage = Int(SoftTLB.pageSize - here & ~SoftTLB.pageMask)
                guard let translation = try? core.translate(here, access, regime),
                    let place = core.ram.place(of: translation.physical)
                else { return false }
                let part = min(inPage, count - done)
                body(place, part)
                done += part
            }
            return true
        }
    }
}
