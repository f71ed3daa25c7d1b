internal import VMMCore

// vCPUs as threads.

extension DebugSession {
    /// How many threads one qfThreadInfo answer names; more than machines have vCPUs.
    private static let listPiece = 256

    mutating func answerThreads(_ command: DebugCommand) {
        switch command {
        case .selectThread(let thread):
            switch thread {
            case .vcpu(let vcpu):
                guard exists(vcpu) else { return send(.error(.malformed)) }
                selected = vcpu
            case .any, .all: selected = stop?.vcpu ?? selected
            }
            send(.ok)
        case .selectResumed(let thread):
            if case .vcpu(let vcpu) = thread, !exists(vcpu) { return send(.error(.malformed)) }
            resumed = thread
            send(.ok)
        case .isAlive(let thread):
            guard case .vcpu(let vcpu) = thread, exists(vcpu) else { return send(.error(.malformed)) }
            send(.ok)
        case .currentThread: send(.text("QC" + Self.threadNumber(selected)))
        case .firstThreads:
            nextListed = 0
            listThreads()
        case .moreThreads: listThreads()
        case .threadText(let thread):
            guard case .vcpu(let vcpu) = thread, exists(vcpu) else { return send(.error(.malformed)) }
            send(.bytes(HexText.text("vCPU \(vcpu.rawValue)".utf8)))
        case .readThreads(let window): send(part(of: threadDocument, window))
        default: send(.unsupported)
        }
    }

    private func exists(_ vcpu: VCPUIndex) -> Bool { (0..<target.vcpuCount).contains(vcpu.rawValue) }

    private mutating func listThreads() {
        let last = min(target.vcpuCount, nextListed + Self.listPiece)
        guard nextListed < last else { return send(.text("l")) }
        let names = (nextListed..<last).map { Self.threadNumber(VCPUIndex($0)) }
        nextListed = last
        send(.text("m" + names.joined(separator: ",")))
    }

    /// Source: GDB manual, E.17 "Thread List Format".
    private var threadDocument: String {
        let threads = (0..<target.vcpuCount).map { index in
            "<thread id=\"\(Self.threadNumber(VCPUIndex(index)))\" core=\"\(index)\" name=\"vcpu\(index)\"/>"
        }
        return "<?xml version=\"1.0\"?>\n<threads>\n\(threads.joined(separator: "\n"))\n</threads>\n"
    }
}
