import Glibc

/// The toolchain's llvm-objdump, found by PATH.
enum Disassembler {
    /// Where the program is: beside swiftc first, then anywhere; nil when there is none.
    static let path: String? = {
        // SAFETY: getenv's result is copied at once; nobody changes the environment in a test process.
        guard let variable = unsafe getenv("PATH") else { return nil }
        let directories = unsafe String(cString: variable).split(separator: ":")
        for directory in directories {
            let candidate = "\(directory)/llvm-objdump"
            // SAFETY: the path is a String bridged for the call.
            if unsafe access(candidate, X_OK) == 0 { return candidate }
        }
        return nil
    }()

    /// The disassembly of an ELF file's text, in AT&T syntax, without the instructions' bytes.
    static func disassemble(_ image: [UInt8], with program: String) -> String? {
        var template = Array("/tmp/guest-image-XXXXXX".utf8CString)
        // SAFETY: the template is a writable C string.
        let descriptor = unsafe mkstemp(&template)
        guard descriptor >= 0 else { return nil }
        // SAFETY: as above; mkstemp filled the name in.
        defer { unsafe _ = unlink(template) }
        // SAFETY: the array's bytes, read only.
        let written = unsafe image.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
        let file = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        guard written == image.count, let pipe = unsafe popen("'\(program)' -d --no-show-raw-insn '\(file)'", "r")
        else { return nil }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            // SAFETY: fread writes at most the count it is given; the stream is open until pclose below.
            let count = unsafe fread(&chunk, 1, chunk.count, pipe)
            if count == 0 { break }
            text += chunk[..<count]
        }
        // SAFETY: opened above, used no more.
        return unsafe pclose(pipe) == 0 ? String(decoding: text, as: UTF8.self) : nil
    }
}
