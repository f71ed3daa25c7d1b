import KernelCore

/// Registers that remember: what was loaded and stored, in order, and a value for each offset.
final class MockRegisters: RegisterWindow {
    struct Access: Equatable {
        var offset: UInt64
        var value: UInt64
        var width: Int

        init(_ offset: UInt64, _ value: UInt64, width: Int = 4) {
            self.offset = offset
            self.value = value
            self.width = width
        }
    }

    let size: UInt64
    var bytes: [UInt8]
    private(set) var stores: [Access] = []
    /// Called before each load and after each store; may change `bytes`.
    var onLoad: (UInt64) -> Void = { _ in }
    var onStore: (UInt64, UInt64) -> Void = { _, _ in }

    init(size: UInt64) {
        self.size = size
        bytes = [UInt8](repeating: 0, count: Int(size))
    }

    func set<Value: FixedWidthInteger>(_ value: Value, _ offset: UInt64) {
        for index in 0..<Value.bitWidth / 8 {
            bytes[Int(offset) + index] = UInt8(truncatingIfNeeded: value >> (index * 8))
        }
    }

    private func load(_ offset: UInt64, width: Int) -> UInt64 {
        onLoad(offset)
        return (0..<width).reduce(0) { $0 | UInt64(bytes[Int(offset) + $1]) << (8 * $1) }
    }

    private func store(_ value: UInt64, _ offset: UInt64, width: Int) {
        stores.append(Access(offset, value, width: width))
        for index in 0..<width { bytes[Int(offset) + index] = UInt8(truncatingIfNeeded: value >> (index * 8)) }
        onStore(offset, value)
    }

    func forget() { stores = [] }

    func load8(_ offset: UInt64) -> UInt8 { UInt8(load(offset, width: 1)) }
    func load16(_ offset: UInt64) -> UInt16 { UInt16(load(offset, width: 2)) }
    func load32(_ offset: UInt64) -> UInt32 { UInt32(load(offset, width: 4)) }
    func store8(_ value: UInt8, _ offset: UInt64) { store(UInt64(value), offset, width: 1) }
    func store16(_ value: UInt16, _ offset: UInt64) { store(UInt64(value), offset, width: 2) }
    func store32(_ value: UInt32, _ offset: UInt64) { store(UInt64(value), offset, width: 4) }
}
