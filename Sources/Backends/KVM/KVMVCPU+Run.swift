internal import Glibc
internal import KVMBridge
internal import Synchronization
package import VMMCore

// The way of an exit: run() → decode → the caller's device → completeRead(_:) → run(). No allocation, no reference counting, no lock.

// SAFETY, for this file: `page` and `state` are valid until deinit, and the caller is the one thread that runs this vCPU.
// Offsets into the mapping come from KVM, and lie inside it.

extension KVMVCPU {
    /// Runs the guest until something outside the CPU is wanted.
    ///
    /// A signal that is no kick does not end it. A kick that comes while the elements of a string instruction are being
    /// delivered takes effect after the last one (at most 4096), so that at `.interrupted` the guest's state is complete.
    // Inlined into what the protocol's table names, so that an exit costs one call. So is `completeRead`.
    @inline(__always)
    package func run() throws(KVMError) -> VCPUExit {
        if unsafe state.pointee.rest != 0 { return heldExit() }
        while true {
            #if arch(x86_64)
                // Pairs with the wire's store, which a kick follows: what this misses ends KVM_RUN.
                if externalRequest.load(ordering: .sequentiallyConsistent) { try takeExternalInterrupt() }
            #endif
            let result = enter()
            if _fastPath(result == 0) { return decodeExit() }
            switch -result {
            case -Int32(swvmm_kvm_another_thread):
                adoptThread()
                try machine.completePlatform()
            case EINTR:
                // SAFETY: see the file's head.
                unsafe _ = swvmm_kvm_take_immediate_exit(page)
                if kickPending.exchange(false, ordering: .sequentiallyConsistent) {
                    unsafe state.pointee.pending = .nothing
                    return .interrupted
                }
            case EAGAIN:
                // A waiting vCPU got its INIT or start-up message: it goes on with the next entry.
                continue
            default:
                throw .refused(.run, errno: -result)
            }
        }
    }

    /// One KVM_RUN, with `runner` telling kickers whom to signal.
    @inline(__always)
    private func enter() -> Int32 {
        // Pairs with `kick()`: the store comes before KVM_RUN's read of immediate_exit.
        runner.store(unsafe state.pointee.threadNumber, ordering: .sequentiallyConsistent)
        let result = swvmm_kvm_run(descriptor.number, unsafe state.pointee.threadNumber)
        runner.store(0, ordering: .releasing)
        return result
    }

    @inline(never)
    private func adoptThread() {
        KickSignal.unblock()
        unsafe state.pointee.threadNumber = swvmm_thread_number()
    }

    @inline(__always)
    package func completeRead(_ value: UInt64) {
        guard unsafe state.pointee.pending == .read else { return }
        let target = unsafe UnsafeMutableRawPointer(page) + state.pointee.offset
        switch unsafe state.pointee.width {
        case .byte: unsafe target.storeBytes(of: UInt8(truncatingIfNeeded: value), as: UInt8.self)
        case .halfword: unsafe target.storeBytes(of: UInt16(truncatingIfNeeded: value), as: UInt16.self)
        case .word: unsafe target.storeBytes(of: UInt32(truncatingIfNeeded: value), as: UInt32.self)
        case .doubleword: unsafe target.storeBytes(of: value, as: UInt64.self)
        }
        unsafe state.pointee.pending = .answeredRead
    }

    /// Lets KVM complete the last exit's instruction without running the guest on, so that its registers are right.
    ///
    /// Does nothing while elements of the exit are left to deliver.
    func settle() throws(KVMError) {
        guard unsafe state.pointee.pending != .nothing, unsafe state.pointee.rest == 0 else { return }
        adoptThread()
        unsafe swvmm_kvm_raise_immediate_exit(page)
        let result = swvmm_kvm_run(descriptor.number, unsafe state.pointee.threadNumber)
        unsafe _ = swvmm_kvm_take_immediate_exit(page)
        // A kick that came meanwhile lost its immediate_exit to us.
        if kickPending.load(ordering: .sequentiallyConsistent) { unsafe swvmm_kvm_raise_immediate_exit(page) }
        unsafe state.pointee.pending = .nothing
        switch result {
        case 0: unsafe state.pointee.rest = -1
        case -EINTR, -EAGAIN: break
        default: throw .refused(.run, errno: -result)
        }
    }
}

// MARK: - Decoding

extension KVMVCPU {
    /// What `run()` has not returned yet: the exit that `settle()` brought, or more of the last one.
    @inline(never)
    private func heldExit() -> VCPUExit {
        guard unsafe state.pointee.rest < 0 else { return nextPiece() }
        unsafe state.pointee.rest = 0
        return decodeExit()
    }

    @inline(__always)
    private func decodeExit() -> VCPUExit {
        switch unsafe page.pointee.exit_reason {
        case UInt32(KVM_EXIT_IO): decodePortAccess()
        case UInt32(KVM_EXIT_MMIO): decodeMemoryAccess()
        default: decodeRareExit()
        }
    }

    @inline(__always)
    private func decodePortAccess() -> VCPUExit {
        let io = unsafe page.pointee.io
        let width: AccessWidth
        // Most ports are a byte wide.
        if _fastPath(io.size == 1) {
            width = .byte
        } else if io.size == 4 {
            width = .word
        } else if io.size == 2 {
            width = .halfword
        } else {
            return .failure(.unhandledExit(reason: UInt32(KVM_EXIT_IO)))
        }
        let isWrite = io.direction == UInt8(KVM_EXIT_IO_OUT)
        unsafe state.pointee.offset = Int(truncatingIfNeeded: io.data_offset)
        unsafe state.pointee.width = width
        if io.count > 1 {
            unsafe state.pointee.rest = (Int(io.count) - 1) * Int(io.size)
            unsafe state.pointee.address = UInt64(io.port)
            unsafe state.pointee.isMemory = false
        }
        guard isWrite else {
            unsafe state.pointee.pending = .read
            return .portRead(port: io.port, width: width)
        }
        unsafe state.pointee.pending = .write
        return .portWrite(port: io.port, width: width, value: UInt32(truncatingIfNeeded: currentValue(width)))
    }

    @inline(__always)
    private func decodeMemoryAccess() -> VCPUExit {
        let length = unsafe page.pointee.mmio.len
        guard length > 0, length <= 8 else { return .failure(.unhandledExit(reason: UInt32(KVM_EXIT_MMIO))) }
        let address = unsafe page.pointee.mmio.phys_addr
        let isWrite = unsafe page.pointee.mmio.is_write != 0
        // Not `width.bytes`: a call into another module on the way of each exit.
        let width: AccessWidth
        let bytes: Int
        switch length {
        case 8: (width, bytes) = (.doubleword, 8)
        case 4...7: (width, bytes) = (.word, 4)
        case 2...3: (width, bytes) = (.halfword, 2)
        default: (width, bytes) = (.byte, 1)
        }
        unsafe state.pointee.offset = Int(swvmm_kvm_mmio_data_offset)
        unsafe state.pointee.width = width
        if Int(length) != bytes {
            unsafe state.pointee.rest = Int(length) - bytes
            unsafe state.pointee.address = address
            unsafe state.pointee.isMemory = true
        }
        guard isWrite else {
            unsafe state.pointee.pending = .read
            return .mmioRead(address: GuestAddress(address), width: width)
        }
        unsafe state.pointee.pending = .write
        return .mmioWrite(address: GuestAddress(address), width: width, value: currentValue(width))
    }

    /// The next element of a string instruction, or the next piece of an access with an odd length.
    private func nextPiece() -> VCPUExit {
        let done = unsafe state.pointee.width.bytes
        let isMemory = unsafe state.pointee.isMemory
        let isWrite = unsafe state.pointee.pending == .write
        unsafe state.pointee.offset += done
        if isMemory {
            unsafe state.pointee.address &+= UInt64(done)
            unsafe state.pointee.width = Self.widestPiece(of: state.pointee.rest)
        }
        let width = unsafe state.pointee.width
        unsafe state.pointee.rest -= width.bytes
        let address = unsafe state.pointee.address
        unsafe state.pointee.pending = isWrite ? .write : .read
        switch (isMemory, isWrite) {
        case (true, true):
            return .mmioWrite(address: GuestAddress(address), width: width, value: currentValue(width))
        case (true, false):
            return .mmioRead(address: GuestAddress(address), width: width)
        case (false, true):
            let value = UInt32(truncatingIfNeeded: currentValue(width))
            return .portWrite(port: UInt16(truncatingIfNeeded: address), width: width, value: value)
        case (false, false):
            return .portRead(port: UInt16(truncatingIfNeeded: address), width: width)
        }
    }

    /// The value that the guest wrote, zero-extended.
    @inline(__always)
    private func currentValue(_ width: AccessWidth) -> UInt64 {
        let source = unsafe UnsafeRawPointer(page) + state.pointee.offset
        switch width {
        case .byte: return UInt64(unsafe source.loadUnaligned(as: UInt8.self))
        case .halfword: return UInt64(unsafe source.loadUnaligned(as: UInt16.self))
        case .word: return UInt64(unsafe source.loadUnaligned(as: UInt32.self))
        case .doubleword: return unsafe source.loadUnaligned(as: UInt64.self)
        }
    }

    /// The widest access that fits into `count` bytes, 1 to 8.
    @inline(__always)
    private static func widestPiece(of count: Int) -> AccessWidth {
        if count >= 8 { return .doubleword }
        if count >= 4 { return .word }
        return count >= 2 ? .halfword : .byte
    }
}
