internal import Glibc
internal import HostBridge

/// The memory that swvmm and swvmm-nbd share: `NBDChannel.slotCount` slots in a file in memory whose size is sealed.
///
/// Threading: a slot is touched by whose it is; both sides take into account that the other may not keep to that.
@safe
package final class NBDSlots: Sendable {
    private static let size = NBDChannel.slotCount * NBDChannel.slotSize

    /// The file; closed with this object when it was made here.
    package let descriptor: Int32
    private let ownsDescriptor: Bool
    // SAFETY: mapped by init, unmapped by deinit.
    private nonisolated(unsafe) let memory: UnsafeMutableRawPointer

    /// Fresh slots.
    package init() throws(NBDSlotsRefused) {
        // SAFETY: the name is a terminated copy for the length of the call.
        let descriptor = unsafe host_shared_memory("swvmm-nbd", off_t(Self.size))
        guard descriptor >= 0 else { throw NBDSlotsRefused(errno: errno) }
        do throws(NBDSlotsRefused) {
            unsafe memory = try Self.map(descriptor)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        ownsDescriptor = true
    }

    /// Those of the other side.
    package init(of descriptor: Int32) throws(NBDSlotsRefused) {
        var status = stat()
        // SAFETY: `status` is valid for the call.
        guard unsafe fstat(descriptor, &status) == 0, status.st_size == off_t(Self.size) else {
            throw NBDSlotsRefused(errno: EINVAL)
        }
        unsafe memory = try Self.map(descriptor)
        self.descriptor = descriptor
        ownsDescriptor = false
    }

    private static func map(_ descriptor: Int32) throws(NBDSlotsRefused) -> UnsafeMutableRawPointer {
        // SAFETY: a new mapping at an address of the kernel's choice; the file has that size and keeps it.
        let mapped = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else { throw NBDSlotsRefused(errno: errno) }
        return unsafe mapped
    }

    deinit {
        // SAFETY: nobody has a slot: that would need a reference to self.
        unsafe _ = munmap(memory, Self.size)
        if ownsDescriptor { close(descriptor) }
    }

    /// The first `length` bytes of a slot.
    @unsafe
    package func bytes(_ slot: Int, _ length: Int) -> UnsafeMutableRawBufferPointer {
        precondition((0..<NBDChannel.slotCount).contains(slot) && (0...NBDChannel.slotSize).contains(length))
        // SAFETY: inside the mapping.
        return unsafe UnsafeMutableRawBufferPointer(start: memory + slot * NBDChannel.slotSize, count: length)
    }
}

package struct NBDSlotsRefused: Error {
    package let errno: Int32
}
