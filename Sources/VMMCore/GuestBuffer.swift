/// A part of guest memory that a device reads or fills: RAM when it was checked. It may be empty.
package struct GuestBuffer: Hashable, Sendable {
    package let address: GuestAddress
    /// In bytes.
    package let length: UInt32

    package init(address: GuestAddress, length: UInt32) {
        self.address = address
        self.length = length
    }
}
