import CSupport

@c(heap_allocate) public func heapAllocate(size: UInt64, alignment: UInt64) -> UInt64 { 0 }
@c(heap_free) public func heapFree(address: UInt64) {}
@c(thread_main) public func threadMain() {}
@c(secondary_main) public func secondaryMain() {}
@c(interrupt_dispatch) public func dispatch(_ frame: UInt64) { put("exception\n") }
func put(_ text: StaticString) {
    for i in 0..<text.utf8CodeUnitCount {
        let c = unsafe text.utf8Start[i]
        #if arch(x86_64)
            out8(0x3F8, c)
        #else
            store32(0x0900_0000, UInt32(c))
        #endif
    }
}
@c(kernel_main) public func kernelMain(kind: UInt64, pointer: UInt64, end: UInt64, counter: UInt64) {
    put("unikernel: a first line\n")
    while true {}
}
