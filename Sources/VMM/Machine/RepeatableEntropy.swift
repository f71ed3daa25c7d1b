internal import Synchronization
internal import VMMCore

/// Random bytes that are the same for the same seed. Threading: any thread; what repeats exactly asks from one.
final class RepeatableEntropy: EntropySource {
    private let generator: Mutex<RepeatableGenerator>

    init(seed: UInt64, stream: UInt64) { generator = Mutex(RepeatableGenerator(seed: seed, stream: stream)) }

    func fill(_ bytes: inout [UInt8], _ range: Range<Int>) {
        generator.withLock { generator in
            for index in range { bytes[index] = UInt8(truncatingIfNeeded: generator.next() >> 56) }
        }
    }
}
