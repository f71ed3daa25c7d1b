import Foundation
import PackagePlugin

/// Compiles the unikernel for both architectures and embeds its images in the target it is applied to.
///
/// One build command an architecture, so that the two compile at the same time. Every source file and every source
/// directory is named as an input: an edited file, and a file added or removed, rebuild the images; nothing else does.
@main
struct GuestKernelPlugin: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let kernel = target.directoryURL
        let abi = context.package.directoryURL.appending(path: "Sources/GuestABI")
        let common = [
            abi, kernel.appending(path: "Core"), kernel.appending(path: "Kernel"), kernel.appending(path: "CSupport"),
        ]
        let tools = try ["swiftc", "clang", "ld.lld", "swift-demangle"].map { try context.tool(named: $0).url.path() }
        let builder = try context.tool(named: "GuestImageBuilder").url

        return [("x86_64", "X86"), ("arm64", "AArch64")].map { architecture, folder in
            let directories = common + [kernel.appending(path: folder)]
            let output = context.pluginWorkDirectoryURL.appending(path: "GuestImage+\(architecture).swift")
            let elf = context.pluginWorkDirectoryURL.appending(path: "guest-\(architecture).elf")
            return .buildCommand(
                displayName: "Compiling the unikernel for \(architecture)",
                executable: builder,
                arguments: [architecture]
                    + tools
                    + [
                        context.pluginWorkDirectoryURL.appending(path: "build-\(architecture)").path(), elf.path(),
                        output.path(),
                    ]
                    + directories.map { $0.path() },
                inputFiles: directories.flatMap(contents),
                outputFiles: [output]
            )
        }
    }

    /// A directory and all that is in it.
    private func contents(of directory: URL) -> [URL] {
        let found = FileManager.default.enumerator(at: directory, includingPropertiesForKeys: nil)
        return [directory] + (found?.compactMap { $0 as? URL } ?? [])
    }
}
