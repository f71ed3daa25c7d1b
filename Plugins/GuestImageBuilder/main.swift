import Glibc

// Run by GuestKernelPlugin: compiles one image of the unikernel and writes it as a Swift file.

func build(_ arguments: [String]) throws(BuilderError) {
    guard arguments.count > 9, let architecture = ImageBuild.Architecture(rawValue: arguments[1]) else { throw .usage }
    let build = ImageBuild(
        architecture: architecture,
        swiftc: Tool(path: arguments[2]), clang: Tool(path: arguments[3]), linker: Tool(path: arguments[4]),
        demangler: Tool(path: arguments[5]),
        workDirectory: arguments[6],
        sourceDirectories: Array(arguments[9...]))
    let image = try build.run(elf: arguments[7])
    try Files.write(Base64Source.swift(image, name: architecture.rawValue), to: arguments[8])
}

do throws(BuilderError) {
    try build(CommandLine.arguments)
} catch {
    // A line of this form is shown as an error by `swift build`.
    print("error: guest image: \(error.message)")
    exit(1)
}
