/// One image: compile, link, list the functions, link again with their names inside.
struct ImageBuild {
    enum Architecture: String {
        case x86_64
        case arm64

        var triple: String { self == .x86_64 ? "x86_64-unknown-none-elf" : "aarch64-none-none-elf" }
        var emulation: String { self == .x86_64 ? "elf_x86_64" : "aarch64elf" }

        /// x86: no red zone, since interrupts use the interrupted stack; no vector or floating-point register, which some
        /// hypervisors cannot run in kernel mode and which interrupts would have to save.
        var codeGeneration: [String] {
            self == .x86_64 ? ["-mno-red-zone", "-mno-sse", "-mno-mmx"] : []
        }
    }

    let architecture: Architecture
    let swiftc: Tool
    let clang: Tool
    let linker: Tool
    let demangler: Tool
    /// For objects and the module cache. Made when absent.
    let workDirectory: String
    /// Shared directories and the architecture's own, the last.
    let sourceDirectories: [String]

    /// Builds the image. Returns the stripped file's bytes; the one with symbols is left at `elf`.
    func run(elf: String) throws(BuilderError) -> [UInt8] {
        try Files.makeDirectory(workDirectory)
        let objects = try [compileSwift()] + compileCAndAssembly()
        let script = try files(".ld")
        let first = work("first.elf")
        try link(objects, script, to: first)
        let functions = try ELFSymbols(path: first).functions
        let table = try compileSymbolTable(functions)
        try link(objects + [table], script, to: elf)
        let second = try ELFSymbols(path: elf).functions
        for (before, after) in zip(functions, second) where before.address != after.address {
            throw .symbolMoved(name: before.name)
        }
        let stripped = work("stripped.elf")
        try link(objects + [table], script + ["--strip-all"], to: stripped)
        return try Files.read(stripped)
    }

    private func work(_ name: String) -> String { workDirectory + "/" + name }

    private func files(_ suffix: String) throws(BuilderError) -> [String] {
        var found: [String] = []
        for directory in sourceDirectories { found += try Files.list(directory, suffix: suffix) }
        return found
    }

    /// Where CSupport's headers and module map are.
    private var includes: [String] {
        sourceDirectories.filter { $0.hasSuffix("CSupport") || $0.hasSuffix("CSupport/") }
            .flatMap { ["-I", $0 + "/include"] }
    }

    private func compileSwift() throws(BuilderError) -> String {
        let object = work("kernel.o")
        let clangOptions =
            ["-ffreestanding", "-fno-omit-frame-pointer"] + architecture.codeGeneration
            + (architecture == .x86_64 ? ["-msoft-float"] : [])
        // For speed, not size: at -Osize an InlineArray is copied each time an element is looked at.
        try swiftc.run(
            [
                "-target", architecture.triple, "-enable-experimental-feature", "Embedded",
                "-wmo", "-parse-as-library", "-swift-version", "6", "-O", "-warnings-as-errors",
                "-strict-memory-safety", "-enable-upcoming-feature", "ExistentialAny",
                "-enable-upcoming-feature", "InternalImportsByDefault",
                "-module-name", "Kernel", "-package-name", "swvmm", "-module-cache-path", work("ModuleCache"),
                "-enforce-exclusivity=unchecked", "-Xfrontend", "-function-sections", "-Xfrontend",
                "-disable-stack-protector",
                "-no-color-diagnostics",
            ] + clangOptions.flatMap { ["-Xcc", $0] } + includes + ["-c", "-o", object] + files(".swift"))
        return object
    }

    private func compileCAndAssembly() throws(BuilderError) -> [String] {
        var objects: [String] = []
        for source in try files(".c") + files(".S") {
            let object = work((source.split(separator: "/").last.map(String.init) ?? source) + ".o")
            try clang.run(
                [
                    "--target=\(architecture.triple)", "-ffreestanding", "-fno-builtin", "-fno-stack-protector",
                    "-fno-omit-frame-pointer", "-ffunction-sections", "-Os", "-Wall", "-Wextra", "-Werror",
                ] + architecture.codeGeneration + includes + ["-c", source, "-o", object])
            objects.append(object)
        }
        return objects
    }

    private func compileSymbolTable(_ functions: [ELFSymbols.Function]) throws(BuilderError) -> String {
        let mangled = work("names.txt")
        try Files.write(Array((functions.map(\.name).joined(separator: "\n") + "\n").utf8), to: mangled)
        let output = try demangler.run(
            ["--simplified"], inputFile: mangled, outputFile: work("names-demangled.txt"))
        let names = String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
        try Files.write(SymbolTable.bytes(functions, names: names), to: work("symbols.bin"))
        let source = work("symbols.S")
        try Files.write(Array(SymbolTable.assembly(including: work("symbols.bin")).utf8), to: source)
        try clang.run(["--target=\(architecture.triple)", "-c", source, "-o", work("symbols.o")])
        return work("symbols.o")
    }

    private func link(_ objects: [String], _ scriptAndOptions: [String], to output: String) throws(BuilderError) {
        guard let script = scriptAndOptions.first else { throw .usage }
        let usr = swiftc.path.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
        try linker.run(
            [
                "-m", architecture.emulation, "-static", "-nostdlib", "--gc-sections", "-z", "max-page-size=4096",
                "-z", "noexecstack", "--build-id=none", "-T", script,
            ] + scriptAndOptions.dropFirst() + ["-o", output] + objects
                + ["\(usr)/lib/swift/embedded/\(architecture.triple)/libswiftUnicodeDataTables.a"])
    }
}
