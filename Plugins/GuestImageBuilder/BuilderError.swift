/// Why an image could not be built. The compiler's and the linker's own words have gone to standard error by then.
enum BuilderError: Error {
    case usage
    case system(call: String, path: String, errno: Int32)
    case toolFailed(name: String, status: Int32)
    case notAnELFFile(path: String)
    /// The second link moved a function, so that the symbol table of the first does not fit it.
    case symbolMoved(name: String)

    /// One line for the build log.
    var message: String {
        switch self {
        case .usage:
            "usage: GuestImageBuilder ARCH SWIFTC CLANG LLD DEMANGLE WORKDIR ELF OUTPUT.swift SOURCEDIR..."
        case .system(let call, let path, let errno): "\(call) \(path): errno \(errno)"
        case .toolFailed(let name, let status): "\(name) failed with status \(status)"
        case .notAnELFFile(let path): "\(path) is not a 64-bit little-endian ELF file with a symbol table"
        case .symbolMoved(let name): "the second link moved \(name); the linker script must keep text before tables"
        }
    }
}
