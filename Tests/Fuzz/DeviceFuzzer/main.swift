// Fuzzes one target: `device-fuzzer TARGET [libFuzzer's options]`; without a target, their names. scripts/fuzz says how it is built.

internal import CLibFuzzer
internal import DeviceFuzzing

/// Found before the fuzzer takes over, which calls a C function without a context.
private let chosen = CommandLine.arguments.dropFirst().first.flatMap { name in
    FuzzTarget.all.first { $0.name == name }
}

if chosen == nil {
    for target in FuzzTarget.all { print(target.name) }
} else {
    // libFuzzer takes an argument without a dash for a corpus: the name goes.
    var count = CommandLine.argc - 1
    // SAFETY: the program's own arguments, from the second on, which takes the place of its name.
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv + 1
    // SAFETY: libFuzzer gives `count` bytes from `start` on, for the length of a call.
    _ = unsafe LLVMFuzzerRunDriver(&count, &arguments) { start, count in
        unsafe chosen?.run(Array(UnsafeBufferPointer(start: start, count: count)))
        return 0
    }
}
