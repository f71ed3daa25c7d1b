internal import Glibc

/// The program that holds the connection to a server of disks, one a disk, and the stream to it. It gets the slots besides.
final class NBDProcess: Sendable {
    /// This process's end.
    let socket: Int32
    private let program: CompanionProgram

    /// Starts it, and waits until it is connected. The program ends with the calling thread.
    static func start(_ uri: String, _ slots: NBDSlots) throws(NBDProblem) -> (NBDProcess, NBDExport) {
        let process = try NBDProcess(uri, slots)
        switch try process.answer() {
        case .ready(let export): return (process, export)
        case .refused(let words): throw .refused(words)
        }
    }

    private init(_ uri: String, _ slots: NBDSlots) throws(NBDProblem) {
        do throws(CompanionProgram.Refusal) {
            (program, socket) = try CompanionProgram.start("swvmm-nbd", [uri], output: slots.descriptor)
        } catch {
            switch error {
            case .noSocketPair(let code): throw .hostRefused(errno: code)
            case .noProgram(let path, let code): throw .noProgram(path: path, errno: code)
            }
        }
    }

    deinit { close(socket) }

    /// Ends it, and with it the stream.
    func kill() { program.kill() }

    /// Says that no more requests come: it takes leave of the server, and ends.
    func finish() { _ = shutdown(socket, Int32(SHUT_WR)) }

    /// Its first record.
    private func answer() throws(NBDProblem) -> NBDAnswer {
        guard CompanionProgram.awaitAnswer(socket) else { throw .noAnswer }
        guard let header = CompanionProgram.receive(NBDAnswer.headerSize, from: socket),
            let length = NBDAnswer.textLength(header), let text = CompanionProgram.receive(length, from: socket),
            let answer = NBDAnswer(header: header, text: text)
        else { throw .programFailed(path: program.path) }
        return answer
    }
}
