/// Registers of a device, by offset: memory-mapped ones in the kernel, a mock's in tests.
///
/// Accesses are aligned to their size, within the window, and happen once each, in program order.
package protocol RegisterWindow: AnyObject {
    /// In bytes.
    var size: UInt64 { get }
    func load8(_ offset: UInt64) -> UInt8
    func load16(_ offset: UInt64) -> UInt16
    func load32(_ offset: UInt64) -> UInt32
    func store8(_ value: UInt8, _ offset: UInt64)
    func store16(_ value: UInt16, _ offset: UInt64)
    func store32(_ value: UInt32, _ offset: UInt64)
}
