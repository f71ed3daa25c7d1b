internal import Synchronization
internal import VMMCore

/// A port of a virtio console: bytes between its two queues and a character channel.
///
/// What the guest transmits goes to the channel on the thread that notifies, in order; while the channel makes it wait, other
/// threads' output waits in the ring. Input is pulled from the channel when the guest offers a buffer for it. At most a piece
/// of either is held here.
///
/// Threading: any thread; channel and driver are called without a lock held.
final class ConsolePort: Sendable {
    private static let pieceSize = 4096

    let channel: any CharacterChannel
    private let state: Mutex<ConsolePortState>
    /// What goes between queue and channel, for the thread that has the direction's claim.
    private let transmission = Mutex([UInt8](repeating: 0, count: ConsolePort.pieceSize))
    private let reception = Mutex([UInt8](repeating: 0, count: ConsolePort.pieceSize))

    init(_ channel: any CharacterChannel, _ queues: ConsolePortQueues) {
        self.channel = channel
        state = Mutex(ConsolePortState(queues))
        channel.setInputHandler { [weak self] in self?.inputArrived() }
    }

    func activate(_ activation: VirtioActivation, _ faults: ConsoleFaults, isOpen: Bool) {
        state.withLock { $0.activate(activation, faults, isOpen: isOpen) }
    }

    func reset() { state.withLock { $0.reset() } }

    /// The driver opened or closed the port.
    func setOpen(_ isOpen: Bool) { state.withLock { $0.isOpen = isOpen } }

    var transmittedBytes: UInt64 { state.withLock { $0.transmittedBytes } }
    var receivedBytes: UInt64 { state.withLock { $0.receivedBytes } }

    private func inputArrived() {
        state.withLock { $0.inputArrived() }
        receive()
    }

    /// Sends what the guest has transmitted, until there is nothing left or another thread is at it.
    func transmit() {
        guard state.withLock({ $0.claimTransmission() }) else { return }
        // Who has the claim is alone with the piece. The next one waits for this lock while the interrupt is raised, at most.
        transmission.withLock { piece in
            while true {
                switch state.withLock({ $0.transmit(&piece) }) {
                case .send(let count): for index in 0..<count { channel.write(piece[index]) }
                case .interrupt(let driver, let queue): return driver.interrupt(queue)
                case .fault(let driver, let queue, let fault): return driver.refuse(queue, fault)
                case .none, .pull: return
                }
            }
        }
    }

    /// Gives the guest what was typed, until there is no input or no buffer left, or another thread is at it.
    func receive() {
        guard state.withLock({ $0.claimReception() }) else { return }
        reception.withLock { piece in
            while true {
                switch state.withLock({ $0.receive(piece) }) {
                case .pull(let room):
                    var count = 0
                    while count < room, let byte = channel.read() {
                        piece[count] = byte
                        count += 1
                    }
                    state.withLock { $0.pulled(count, of: room) }
                case .interrupt(let driver, let queue): return driver.interrupt(queue)
                case .fault(let driver, let queue, let fault): return driver.refuse(queue, fault)
                case .none, .send: return
                }
            }
        }
    }
}
