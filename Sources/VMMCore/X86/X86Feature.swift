/// A feature of x86 CPUs that CPUID tells of and `--cpu` can name, by its name in Linux's /proc/cpuinfo.
/// Source: Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E; Linux arch/x86/include/asm/cpufeatures.h for the names.
public enum X86Feature: String, CaseIterable, Sendable {
    case sse3 = "pni"
    case pclmulqdq, ssse3, fma, cx16, pcid
    case sse41 = "sse4_1"
    case sse42 = "sse4_2"
    case x2apic, movbe, popcnt, aes, xsave, avx, f16c, rdrand
    case fsgsbase, bmi1, hle, avx2, smep, bmi2, erms, invpcid, rtm, mpx, avx512f, avx512dq, rdseed, adx, smap
    case avx512ifma, clflushopt, clwb, avx512cd
    case sha = "sha_ni"
    case avx512bw, avx512vl, avx512vbmi, umip, pku, waitpkg
    case avx512vbmi2 = "avx512_vbmi2"
    case shstk, gfni, vaes, vpclmulqdq
    case avx512vnni = "avx512_vnni"
    case avx512bitalg = "avx512_bitalg"
    case avx512vpopcntdq = "avx512_vpopcntdq"
    case la57, rdpid, cldemote, movdiri, movdir64b, fsrm
    case avx512vp2intersect = "avx512_vp2intersect"
    case serialize, ibt
    case amxBF16 = "amx_bf16"
    case avx512fp16 = "avx512_fp16"
    case amxTile = "amx_tile"
    case amxINT8 = "amx_int8"
    case sha512, sm3, sm4
    case avxVNNI = "avx_vnni"
    case avx512bf16 = "avx512_bf16"
    case cmpccxadd
    case amxFP16 = "amx_fp16"
    case avxIFMA = "avx_ifma"
    case lam
    case xsaveopt, xsavec, xgetbv1, xsaves
    case lahf = "lahf_lm"
    case svm
    case lzcnt = "abm"
    case sse4a, misalignsse
    case prefetchw = "3dnowprefetch"
    case xop, fma4, tbm
    case nx, mmxext
    case fxsrOpt = "fxsr_opt"
    case pdpe1gb, rdtscp
    case clzero, wbnoinvd

    /// By one of its names, of which `-` and `.` may stand for `_`: Linux's, or the manuals' where those differ.
    public init?(name: String) {
        let name = String(name.lowercased().map { $0 == "-" || $0 == "." ? "_" : $0 })
        let others: [String: X86Feature] = [
            "sse3": .sse3, "lzcnt": .lzcnt, "lahf": .lahf, "sha": .sha, "prefetchw": .prefetchw, "cmpxchg16b": .cx16,
        ]
        guard let feature = X86Feature(rawValue: name) ?? others[name] else { return nil }
        self = feature
    }

    /// Where CPUID has it.
    package struct Place: Hashable, Sendable {
        package let function: UInt32
        package let index: UInt32
        package let register: CPUIDTable.Register
        package let bit: UInt32

        init(_ function: UInt32, _ register: CPUIDTable.Register, _ bit: UInt32, index: UInt32 = 0) {
            self.function = function
            self.index = index
            self.register = register
            self.bit = bit
        }
    }

    package var place: Place {
        switch self {
        case .sse3: Place(1, .ecx, 0)
        case .pclmulqdq: Place(1, .ecx, 1)
        case .ssse3: Place(1, .ecx, 9)
        case .fma: Place(1, .ecx, 12)
        case .cx16: Place(1, .ecx, 13)
        case .pcid: Place(1, .ecx, 17)
        case .sse41: Place(1, .ecx, 19)
        case .sse42: Place(1, .ecx, 20)
        case .x2apic: Place(1, .ecx, 21)
        case .movbe: Place(1, .ecx, 22)
        case .popcnt: Place(1, .ecx, 23)
        case .aes: Place(1, .ecx, 25)
        case .xsave: Place(1, .ecx, 26)
        case .avx: Place(1, .ecx, 28)
        case .f16c: Place(1, .ecx, 29)
        case .rdrand: Place(1, .ecx, 30)
        case .fsgsbase: Place(7, .ebx, 0)
        case .bmi1: Place(7, .ebx, 3)
        case .hle: Place(7, .ebx, 4)
        case .avx2: Place(7, .ebx, 5)
        case .smep: Place(7, .ebx, 7)
        case .bmi2: Place(7, .ebx, 8)
        case .erms: Place(7, .ebx, 9)
        case .invpcid: Place(7, .ebx, 10)
        case .rtm: Place(7, .ebx, 11)
        case .mpx: Place(7, .ebx, 14)
        case .avx512f: Place(7, .ebx, 16)
        case .avx512dq: Place(7, .ebx, 17)
        case .rdseed: Place(7, .ebx, 18)
        case .adx: Place(7, .ebx, 19)
        case .smap: Place(7, .ebx, 20)
        case .avx512ifma: Place(7, .ebx, 21)
        case .clflushopt: Place(7, .ebx, 23)
        case .clwb: Place(7, .ebx, 24)
        case .avx512cd: Place(7, .ebx, 28)
        case .sha: Place(7, .ebx, 29)
        case .avx512bw: Place(7, .ebx, 30)
        case .avx512vl: Place(7, .ebx, 31)
        case .avx512vbmi: Place(7, .ecx, 1)
        case .umip: Place(7, .ecx, 2)
        case .pku: Place(7, .ecx, 3)
        case .waitpkg: Place(7, .ecx, 5)
        case .avx512vbmi2: Place(7, .ecx, 6)
        case .shstk: Place(7, .ecx, 7)
        case .gfni: Place(7, .ecx, 8)
        case .vaes: Place(7, .ecx, 9)
        case .vpclmulqdq: Place(7, .ecx, 10)
        case .avx512vnni: Place(7, .ecx, 11)
        case .avx512bitalg: Place(7, .ecx, 12)
        case .avx512vpopcntdq: Place(7, .ecx, 14)
        case .la57: Place(7, .ecx, 16)
        case .rdpid: Place(7, .ecx, 22)
        case .cldemote: Place(7, .ecx, 25)
        case .movdiri: Place(7, .ecx, 27)
        case .movdir64b: Place(7, .ecx, 28)
        case .fsrm: Place(7, .edx, 4)
        case .avx512vp2intersect: Place(7, .edx, 8)
        case .serialize: Place(7, .edx, 14)
        case .ibt: Place(7, .edx, 20)
        case .amxBF16: Place(7, .edx, 22)
        case .avx512fp16: Place(7, .edx, 23)
        case .amxTile: Place(7, .edx, 24)
        case .amxINT8: Place(7, .edx, 25)
        case .sha512: Place(7, .eax, 0, index: 1)
        case .sm3: Place(7, .eax, 1, index: 1)
        case .sm4: Place(7, .eax, 2, index: 1)
        case .avxVNNI: Place(7, .eax, 4, index: 1)
        case .avx512bf16: Place(7, .eax, 5, index: 1)
        case .cmpccxadd: Place(7, .eax, 7, index: 1)
        case .amxFP16: Place(7, .eax, 21, index: 1)
        case .avxIFMA: Place(7, .eax, 23, index: 1)
        case .lam: Place(7, .eax, 26, index: 1)
        case .xsaveopt: Place(0xD, .eax, 0, index: 1)
        case .xsavec: Place(0xD, .eax, 1, index: 1)
        case .xgetbv1: Place(0xD, .eax, 2, index: 1)
        case .xsaves: Place(0xD, .eax, 3, index: 1)
        case .lahf: Place(0x8000_0001, .ecx, 0)
        case .svm: Place(0x8000_0001, .ecx, 2)
        case .lzcnt: Place(0x8000_0001, .ecx, 5)
        case .sse4a: Place(0x8000_0001, .ecx, 6)
        case .misalignsse: Place(0x8000_0001, .ecx, 7)
        case .prefetchw: Place(0x8000_0001, .ecx, 8)
        case .xop: Place(0x8000_0001, .ecx, 11)
        case .fma4: Place(0x8000_0001, .ecx, 16)
        case .tbm: Place(0x8000_0001, .ecx, 21)
        case .nx: Place(0x8000_0001, .edx, 20)
        case .mmxext: Place(0x8000_0001, .edx, 22)
        case .fxsrOpt: Place(0x8000_0001, .edx, 25)
        case .pdpe1gb: Place(0x8000_0001, .edx, 26)
        case .rdtscp: Place(0x8000_0001, .edx, 27)
        case .clzero: Place(0x8000_0008, .ebx, 0)
        case .wbnoinvd: Place(0x8000_0008, .ebx, 9)
        }
    }

    /// What it does not work without; what that needs is needed, too.
    /// Source: Linux arch/x86/kernel/cpu/cpuid-deps.c; Intel SDM vol. 1 §13 for XSAVE's own, vol. 3A §4.10 for PCID.
    package var needs: X86Feature? {
        switch self {
        case .ssse3: .sse3
        case .sse41: .ssse3
        case .sse42: .sse41
        case .avx, .mpx, .pku, .amxTile, .xsaveopt, .xsavec, .xgetbv1: .xsave
        case .xsaves: .xsavec
        case .shstk, .ibt: .xsaves
        case .avx2, .fma, .f16c, .fma4, .xop, .vaes, .vpclmulqdq: .avx
        case .avxVNNI, .avxIFMA, .sha512, .sm3, .sm4, .avx512f: .avx2
        case .avx512dq, .avx512ifma, .avx512cd, .avx512bw, .avx512vl, .avx512vpopcntdq, .avx512vbmi: .avx512f
        case .avx512vnni, .avx512vp2intersect, .avx512vbmi2, .avx512bitalg, .avx512bf16: .avx512vl
        case .avx512fp16: .avx512bw
        case .amxBF16, .amxINT8, .amxFP16: .amxTile
        case .invpcid: .pcid
        default: nil
        }
    }

    /// It, and what it needs.
    package var foundations: Set<X86Feature> {
        var all: Set<X86Feature> = [self]
        var next = needs
        while let feature = next {
            all.insert(feature)
            next = feature.needs
        }
        return all
    }
}
