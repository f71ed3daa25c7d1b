// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target: one language, one strictness, no exceptions.
let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// A room of the house: a Swift library at `Sources/<path>`.
func room(_ name: String, path: String, uses dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/\(path)", swiftSettings: strict)
}

/// The tests of a room, mirrored at `Tests/<path>`.
func tests(
    _ name: String, path: String, uses dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["VMMTestSupport"], path: "Tests/\(path)", exclude: exclude,
        swiftSettings: strict)
}

let package = Package(
    name: "swvmm",
    products: [
        .executable(name: "swvmm", targets: ["swvmm"]),
        .executable(name: "swvmm-test", targets: ["swvmm-test"]),
        .executable(name: "swvmm-slirp", targets: ["swvmm-slirp"]),
        .executable(name: "swvmm-nbd", targets: ["swvmm-nbd"]),
        .library(name: "VMM", targets: ["VMM"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2")
    ],
    targets: [
        // Facts and contracts.
        room("GuestABI", path: "GuestABI"),
        .systemLibrary(name: "CLinux", path: "Sources/CLibraries/CLinux"),
        room("VMMCore", path: "VMMCore", uses: ["CLinux"]),

        // Frames of Ethernet, as values: for the device and for networks.
        room("NetworkFrames", path: "Network"),

        // Devices: VMMCore only.
        room("ConsoleDevices", path: "Devices/Console", uses: ["VMMCore", "GuestABI"]),
        room("TimerDevices", path: "Devices/Timer", uses: ["VMMCore"]),
        room("PlatformDevices", path: "Devices/Platform", uses: ["VMMCore", "GuestABI"]),
        room("GICv3", path: "Devices/GICv3", uses: ["VMMCore"]),
        room("APICDevices", path: "Devices/APIC", uses: ["VMMCore"]),
        room("PCIDevices", path: "Devices/PCI", uses: ["VMMCore"]),
        room("VirtioDevices", path: "Devices/Virtio", uses: ["VMMCore", "PCIDevices", "NetworkFrames"]),

        // Boot images and architectures.
        .systemLibrary(name: "CFDT", path: "Sources/CLibraries/CFDT", providers: [.apt(["libfdt-dev"])]),
        room("FlattenedDeviceTree", path: "CLibraries/FlattenedDeviceTree", uses: ["CFDT"]),
        .systemLibrary(name: "CZlib", path: "Sources/CLibraries/CZlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", path: "Sources/CLibraries/CZstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CLZMA", path: "Sources/CLibraries/CLZMA", providers: [.apt(["liblzma-dev"])]),
        .systemLibrary(name: "CLZ4", path: "Sources/CLibraries/CLZ4", providers: [.apt(["liblz4-dev"])]),
        room("Decompression", path: "CLibraries/Decompression", uses: ["CZlib", "CZstd", "CLZMA", "CLZ4"]),
        room("Boot", path: "Boot", uses: ["VMMCore", "GuestABI", "FlattenedDeviceTree", "Decompression"]),
        room("X86", path: "Arch/X86", uses: ["VMMCore", "GuestABI", "Boot"]),
        room("AArch64", path: "Arch/AArch64", uses: ["VMMCore", "GuestABI", "Boot", "FlattenedDeviceTree"]),

        // Backends.
        .target(name: "KVMBridge", path: "Sources/KVMBridge"),
        room("KVMBackend", path: "Backends/KVM", uses: ["VMMCore", "KVMBridge"]),
        room("ARM64Vector", path: "Backends/ARM64Vector"),

        room("SoftwareCPU", path: "Backends/SoftwareCPU", uses: ["VMMCore", "ARM64Vector"]),

        // The host's side.
        .target(name: "HostBridge", path: "Sources/HostBridge"),
        .target(name: "CURing", path: "Sources/CLibraries/CURing", linkerSettings: [.linkedLibrary("uring")]),
        room("Uring", path: "CLibraries/Uring", uses: ["CURing"]),
        room("HostIO", path: "HostIO", uses: ["VMMCore", "CLinux", "HostBridge", "NetworkFrames", "Uring"]),
        .systemLibrary(name: "CCapstone", path: "Sources/CLibraries/CCapstone", providers: [.apt(["libcapstone-dev"])]),
        room("Disassembly", path: "CLibraries/Disassembly", uses: ["CCapstone"]),
        // Parts of libraries that the programs do without (docs/adr/0015-what-programs-leave-out.md).
        .target(name: "LeftOut", path: "Sources/CLibraries/LeftOut"),
        .systemLibrary(name: "CSlirp", path: "Sources/CLibraries/CSlirp", providers: [.apt(["libslirp-dev"])]),
        room("Slirp", path: "CLibraries/Slirp", uses: ["CSlirp", "VMMCore", "NetworkFrames"]),
        .systemLibrary(name: "CNBD", path: "Sources/CLibraries/CNBD", providers: [.apt(["libnbd-dev"])]),
        room("NBD", path: "CLibraries/NBD", uses: ["CNBD"]),
        .systemLibrary(name: "CYAML", path: "Sources/CLibraries/CYAML", providers: [.apt(["libyaml-dev"])]),
        room("YAML", path: "CLibraries/YAML", uses: ["CYAML"]),

        // The remote debugger's protocol, pure.
        room("Debugger", path: "Debugger", uses: ["VMMCore"]),

        // The unikernel: its hardware-free core builds for the host too; its images are compiled by the plugin.
        room("KernelCore", path: "GuestKernel/Core", uses: ["GuestABI"]),
        .target(
            name: "GuestKernel",
            path: "Sources/GuestKernel",
            exclude: ["Core", "Kernel", "X86", "AArch64", "CSupport"],
            swiftSettings: strict,
            plugins: ["GuestKernelPlugin"]
        ),
        .plugin(name: "GuestKernelPlugin", capability: .buildTool(), dependencies: ["GuestImageBuilder"]),
        .executableTarget(
            name: "GuestImageBuilder", dependencies: ["KernelCore"], path: "Plugins/GuestImageBuilder",
            swiftSettings: strict),

        // The machine and its command line.
        room(
            "VMM", path: "VMM",
            uses: [
                "VMMCore", "GuestABI", "ConsoleDevices", "TimerDevices", "PlatformDevices", "Boot", "X86", "AArch64",
                "GICv3", "APICDevices", "KVMBackend", "SoftwareCPU", "HostIO", "Disassembly", "GuestKernel", "Debugger",
                "FlattenedDeviceTree", "VirtioDevices", "PCIDevices",
            ]),
        .executableTarget(
            name: "swvmm",
            dependencies: [
                "VMM", "VMMCore", "Boot", "GuestABI", "HostIO", "KVMBackend", "SoftwareCPU", "FlattenedDeviceTree",
                "Decompression", "LeftOut",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/swvmm",
            swiftSettings: strict
        ),

        // `swvmm test`: a program of its own (docs/adr/0007-suites-in-a-second-program.md).
        room("SuiteRunner", path: "SuiteRunner", uses: ["VMM", "VMMCore", "HostIO", "KVMBackend", "YAML"]),
        .executableTarget(
            name: "swvmm-test",
            dependencies: [
                "SuiteRunner", "VMM", "VMMCore", "HostIO", "KVMBackend", "YAML", "LeftOut",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/swvmm-test",
            swiftSettings: strict
        ),

        // `--net user`: a program of its own (docs/adr/0010-user-networks-in-a-program.md).
        .executableTarget(
            name: "swvmm-slirp", dependencies: ["Slirp", "HostIO", "NetworkFrames", "VMMCore"],
            path: "Sources/swvmm-slirp", swiftSettings: strict),

        // `--disk nbd://…`: a program of its own (docs/adr/0011-nbd-disks-in-a-program.md).
        .executableTarget(
            name: "swvmm-nbd", dependencies: ["NBD", "HostIO"], path: "Sources/swvmm-nbd", swiftSettings: strict),

        // Benchmarks.
        .target(name: "BareExitLoop", dependencies: ["KVMBridge"], path: "Benchmarks/ExitCost/BareExitLoop"),
        .executableTarget(
            name: "exit-benchmark", dependencies: ["VMM", "VMMCore", "KVMBackend", "BareExitLoop"],
            path: "Benchmarks/ExitCost/ExitBenchmark", swiftSettings: strict),

        .executableTarget(
            name: "engine-benchmark", dependencies: ["VMMCore", "SoftwareCPU"],
            path: "Benchmarks/EngineLoops/EngineBenchmark", swiftSettings: strict),

        .target(name: "AllocationCount", path: "Benchmarks/VirtioQueue/AllocationCount"),
        .executableTarget(
            name: "virtio-queue-benchmark",
            dependencies: ["VMMCore", "NetworkFrames", "VirtioDevices", "AllocationCount"],
            path: "Benchmarks/VirtioQueue/QueueBenchmark", swiftSettings: strict,
            linkerSettings: [
                .unsafeFlags(
                    ["malloc", "calloc", "aligned_alloc", "posix_memalign"].flatMap { ["-Xlinker", "--wrap=\($0)"] })
            ]),

        // Tests mirror Sources.
        .target(
            name: "VMMTestSupport", dependencies: ["VMMCore"], path: "Tests/VMMTestSupport", swiftSettings: strict),
        tests(
            "VMMTests", path: "VMM", uses: ["VMM", "VMMCore", "Boot", "HostIO", "Disassembly", "KVMBackend"]),
        tests("DebuggerTests", path: "Debugger", uses: ["Debugger", "VMMCore"]),
        tests("VMMCoreTests", path: "VMMCore", uses: ["VMMCore"]),
        tests("BootImageTests", path: "Boot", uses: ["Boot", "VMMCore", "Decompression"]),
        tests("DecompressionTests", path: "CLibraries/Decompression", uses: ["Decompression"]),
        tests(
            "FlattenedDeviceTreeTests", path: "CLibraries/FlattenedDeviceTree", uses: ["FlattenedDeviceTree"]),
        tests("X86Tests", path: "Arch/X86", uses: ["X86", "Boot", "VMMCore", "GuestKernel", "KVMBackend"]),
        tests(
            "AArch64Tests", path: "Arch/AArch64",
            uses: ["AArch64", "Boot", "VMMCore", "GuestKernel", "FlattenedDeviceTree", "GuestABI"]),
        tests("YAMLTests", path: "CLibraries/YAML", uses: ["YAML"]),
        tests("SuiteRunnerTests", path: "SuiteRunner", uses: ["SuiteRunner", "VMM", "VMMCore", "YAML"]),
        tests(
            "HostIOTests", path: "HostIO",
            uses: ["HostIO", "VMMCore", "HostBridge", "NetworkFrames", "HostSupport", "swvmm-nbd", "swvmm-slirp"]),
        tests("ConsoleDevicesTests", path: "Devices/Console", uses: ["VMMCore", "GuestABI", "ConsoleDevices"]),
        tests("TimerDevicesTests", path: "Devices/Timer", uses: ["VMMCore", "TimerDevices"]),
        tests("PlatformDevicesTests", path: "Devices/Platform", uses: ["VMMCore", "GuestABI", "PlatformDevices"]),
        tests("GICv3Tests", path: "Devices/GICv3", uses: ["VMMCore", "GICv3"]),
        tests("APICDevicesTests", path: "Devices/APIC", uses: ["VMMCore", "APICDevices"]),
        tests("NetworkFramesTests", path: "Network", uses: ["NetworkFrames"]),
        tests("PCIDevicesTests", path: "Devices/PCI", uses: ["VMMCore", "PCIDevices"]),
        tests(
            "VirtioDevicesTests", path: "Devices/Virtio",
            uses: ["VMMCore", "VirtioDevices", "PCIDevices", "NetworkFrames"]),
        tests("BackendContractTests", path: "BackendContract", uses: ["VMMCore", "KVMBackend", "SoftwareCPU"]),
        tests("GuestKernelTests", path: "GuestKernel/Images", uses: ["GuestKernel"]),
        tests("KernelCoreTests", path: "GuestKernel/Core", uses: ["KernelCore", "GuestABI"]),
        tests("KVMBackendTests", path: "Backends/KVM", uses: ["VMMCore", "KVMBackend", "KVMBridge", "HostSupport"]),
        tests(
            "SoftwareCPUTests", path: "Backends/SoftwareCPU",
            uses: [
                "SoftwareCPU", "VMMCore", "GuestKernel", "AArch64", "Boot", "GuestABI", "GICv3", "ConsoleDevices",
                "TimerDevices",
            ]),
        tests("ARM64VectorTests", path: "Backends/ARM64Vector", uses: ["ARM64Vector"], exclude: ["Runner"]),
        .target(name: "HostSupport", path: "Tests/HostSupport"),
        // What fuzzers drive. The fuzzer itself is a target only for scripts/fuzz: it links with libFuzzer only.
        .target(
            name: "DeviceFuzzing",
            dependencies: [
                "VMMCore", "VirtioDevices", "PCIDevices", "GICv3", "APICDevices", "TimerDevices", "VMMTestSupport",
            ],
            path: "Tests/Fuzz/DeviceFuzzing", swiftSettings: strict),
        tests("DeviceFuzzingTests", path: "Fuzz/DeviceFuzzingTests", uses: ["DeviceFuzzing"]),
        // Whole machines, through the executable that is built beside the tests.
        tests("BootTests", path: "BootTests", uses: ["HostSupport"]),
    ],
    swiftLanguageModes: [.v6]
)

if Context.environment["SWVMM_FUZZ"] != nil {
    package.targets += [
        .systemLibrary(name: "CLibFuzzer", path: "Tests/Fuzz/CLibFuzzer"),
        .executableTarget(
            name: "device-fuzzer", dependencies: ["DeviceFuzzing", "CLibFuzzer"], path: "Tests/Fuzz/DeviceFuzzer",
            swiftSettings: strict),
    ]
}

// What is not run of the arm64 cross build (scripts/arm64-host/test) is not built for it: fuzzers, benchmarks, the software CPU, whose millions of
// instructions are too many for an emulated one; and what starts programs, which qemu-aarch64-static does not emulate, or needs the host's io_uring.
if Context.environment["SWVMM_ARM64_TESTS"] != nil {
    let leftOut: Set = [
        "BootTests", "HostIOTests", "SoftwareCPUTests", "DeviceFuzzing", "DeviceFuzzingTests",
        "BareExitLoop", "exit-benchmark", "engine-benchmark", "AllocationCount", "virtio-queue-benchmark",
    ]
    package.targets.removeAll { leftOut.contains($0.name) }
}

// make test-kvm-x86, and scripts/arm64-host/test without its logic tests, build of the tests those that they run.
if Context.environment["SWVMM_KVM_TESTS"] != nil {
    let run: Set = ["BackendContractTests", "KVMBackendTests"]
    package.targets.removeAll { $0.type == .test && !run.contains($0.name) }
}
