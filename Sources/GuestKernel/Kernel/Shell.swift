import Synchronization

/// The interactive shell: a thread that reads the console.
enum Shell {
    static var prompt: StaticString { "unikernel> " }

    private static let promptTime = Atomic<UInt64>(0)
    /// When the first prompt was written, in ns.
    static var readyTime: UInt64 { promptTime.load(ordering: .relaxed) }

    static func run() {
        let console = Console.shared
        let commands = CommandTable(Commands.all)
        var editor = LineEditor(prompt: prompt)
        writeBanner(to: console)
        editor.begin(console)
        while true {
            let event = editor.feed(console.readByte(), output: console) { line, cursor in
                commands.completion(of: line, cursor: cursor)
            }
            switch event {
            case .none: continue
            case .line:
                Trace.emit(.command, UInt64(editor.line.count))
                if isHelp(editor.line) {
                    commands.writeHelp(to: console)
                } else {
                    _ = commands.run(editor.line, output: console)
                }
            case .interrupted: break
            case .endOfInput: console.newLine()
            }
            editor.begin(console)
        }
    }

    /// `help` needs the table it stands in.
    private static func isHelp(_ line: [UInt8]) -> Bool {
        guard let words = try? CommandLineWords(line).words, let first = words.first else { return false }
        return first == "help"
    }

    /// `unikernel x86_64, 2 CPUs, 256 MiB, ready in 1234 us`: short, since each character costs a virtual machine exit.
    private static func writeBanner(to output: TextOutput) {
        promptTime.store(Clock.now, ordering: .relaxed)
        let line = TextBuffer(capacity: 128)
        line.write("unikernel ")
        line.write(Platform.architectureName)
        line.write(", ")
        Commands.writeCount(CPUState.onlineCount, "CPU", to: line)
        line.write(", ")
        line.write(size: (PhysicalMemory.totalBytes + 0xF_FFFF) & ~0xF_FFFF)
        line.write(", ready in ")
        line.write(decimal: readyTime / 1000)
        line.write(" us")
        line.newLine()
        output.write(line.bytes)
    }
}
