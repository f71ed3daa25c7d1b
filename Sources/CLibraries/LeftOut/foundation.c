#include "LeftOut.h"
#include <string.h>
#include <unistd.h>

// Swift's ArgumentParser uses two things of FoundationEssentials: JSONEncoder for `--experimental-dump-help`, and the protocol LocalizedError, in a
// cast of errors that it prints. Either draws in all of Foundation and of regular expressions. The names below are Swift's mangled ones: a version of
// ArgumentParser that uses others gets them from the archive again, and `make build` says that the program is too large.

// A protocol to which nothing conforms: a cast to it fails, as it does for all errors of ours.
// Source: Swift's include/swift/ABI/Metadata.h, TargetModuleContextDescriptor and TargetProtocolDescriptor; MetadataValues.h, ContextDescriptorFlags:
// kind 3 (protocol), bit 6 (unique), bit 16 (not limited to classes). Offsets are relative to their own place.
__asm__(".pushsection .rodata.LeftOut, \"a\"\n"
        ".p2align 2\n"
        "0: .long 0, 0, 2f - .\n"
        "1: .asciz \"LocalizedError\"\n"
        "2: .asciz \"FoundationEssentials\"\n"
        ".p2align 2\n"
        ".globl \"$s20FoundationEssentials14LocalizedErrorMp\"\n"
        "\"$s20FoundationEssentials14LocalizedErrorMp\":\n"
        ".long 0x10043, 0b - ., 1b - ., 0, 0, 0\n"
        ".popsection\n");

static _Noreturn void refuse(void) {
    static const char words[] = "Error: this program has no JSON encoder\n";
    (void)!write(STDERR_FILENO, words, strlen(words));
    _exit(64);
}

#define LEFT_OUT(name, mangled)             \
    _Noreturn void name(void) __asm__(mangled); \
    void name(void) { refuse(); }

LEFT_OUT(json_encoder_type, "$s20FoundationEssentials11JSONEncoderCMa")
LEFT_OUT(json_encoder_init, "$s20FoundationEssentials11JSONEncoderCACycfc")
LEFT_OUT(json_pretty_printed, "$s20FoundationEssentials11JSONEncoderC16OutputFormattingV13prettyPrintedAEvau")
LEFT_OUT(json_sorted_keys, "$s20FoundationEssentials11JSONEncoderC16OutputFormattingV10sortedKeysAEvau")
LEFT_OUT(string_encoding_utf8, "$sSS20FoundationEssentialsE8EncodingV4utf8ACvau")
LEFT_OUT(string_of_data, "$sSS20FoundationEssentialsE4data8encodingSSSgAA4DataVh_SSAAE8EncodingVtcfC")
