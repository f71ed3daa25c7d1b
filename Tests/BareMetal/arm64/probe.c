// Exceptions of the architecture, one line each: what was tried, then vector, ESR_EL1, FAR_EL1, where ELR_EL1 stands behind the
// first instruction, SPSR_EL1, x0 and x1. Two CPUs that agree print the same.

#include "semihosting.h"

struct caught { u64 vector, esr, far, elr, spsr, x0, x1; };
extern struct caught caught;
void attempt(u64 pc, u64 spsr, u64 sp, u64 x0, u64 x1);

#define MSR(name, value) ({ __asm__ volatile("msr " #name ", %0\n isb" : : "r"((u64)(value)) : "memory"); })
#define MRS(name) ({ u64 value_; __asm__ volatile("mrs %0, " #name : "=r"(value_)); value_; })

static u64 level1[512] __attribute__((aligned(4096)));
static u64 level2[512] __attribute__((aligned(4096)));
static u64 level3[512] __attribute__((aligned(4096)));
static u32 code[1024] __attribute__((aligned(4096)));
static u64 data[1024] __attribute__((aligned(4096)));

// Where EL0 sees what EL1 sees at 0x40000000, and a part that is mapped by pages.
#define USER 0x40000000UL
#define PAGED 0xc0000000UL
#define DEVICE 0x09000000UL
#define SCTLR_ON 0x30d0198dUL   // M, C, SA, SA0, I, SPAN and the bits that are one
#define EL0 0UL
#define EL1T 4UL
#define EL1H 5UL
#define MASKED 0x3c0UL
#define NO_FAR 1
#define NO_X0 2

static void map(void)
{
    u64 normal = 1 << 10 | 3 << 8 | 1;
    level1[0] = normal | 1 << 2;
    level1[1] = 0x40000000UL | normal;
    level1[2] = 0x40000000UL | normal | 1 << 6;
    level1[3] = (u64)level2 | 3;
    level2[0] = (u64)level3 | 3;
    u64 page = (u64)data | 1 << 10 | 3 << 8 | 3;
    level3[1] = page;                           // EL1 only
    level3[2] = page | 1 << 7;                  // read-only
    level3[3] = page & ~(1UL << 10);            // no access flag
    level3[4] = page | 1 << 6;                  // EL0 too
    level3[5] = page | 1 << 6 | 1 << 7;
    level3[6] = page | 1UL << 53 | 1UL << 54;   // not to be executed
    level3[7] = (u64)DEVICE | 1 << 10 | 1 << 2 | 3;
    level3[8] = page | 1UL << 44;               // beyond 40 bits
    MSR(mair_el1, 0x00ff);
    MSR(tcr_el1, 25 | 1 << 23 | 2UL << 32 | 1 << 8 | 1 << 10 | 3 << 12);
    MSR(ttbr0_el1, level1);
    __asm__ volatile("tlbi vmalle1\n dsb ish\n isb");
    MSR(sctlr_el1, SCTLR_ON);
}

static u64 stack;

static void show(const char *name, u64 start, unsigned hidden)
{
    // FAR_EL1 is that of an abort, a PC alignment fault or a watchpoint.
    u64 class = caught.esr >> 26;
    if (class < 0x20 || (class > 0x25 && class != 0x34 && class != 0x35)) hidden |= NO_FAR;
    print(name);
    u64 fields[7] = { caught.vector, caught.esr, hidden & NO_FAR ? 0 : caught.far, caught.elr - start, caught.spsr,
        hidden & NO_X0 ? 0 : caught.x0, hidden & NO_X0 ? 0 : caught.x1 };
    for (int index = 0; index < 7; index++) {
        print(" ");
        u64 value = fields[index];
        // Addresses of this program, which two machines load at different places.
        if (index == 2 || index > 4) {
            if (value - (u64)data < sizeof data) { print("data+"); value -= (u64)data; }
            else if (value - (u64)data - USER < sizeof data) { print("user data+"); value -= (u64)data + USER; }
            else if (value - (u64)code < sizeof code) { print("code+"); value -= (u64)code; }
            else if (value - (u64)code - USER < sizeof code) { print("user code+"); value -= (u64)code + USER; }
            else if (value - stack < 64) { print("stack+"); value -= stack; }
        }
        print_hex(value);
    }
    print("\n");
}

static void run_at(const char *name, u64 pc, u64 start, u64 spsr, u64 sp, u64 x0, u64 x1, unsigned hidden)
{
    for (unsigned index = 0; index < 7; index++) ((u64 *)&caught)[index] = 0;
    attempt(pc, spsr, sp, x0, x1);
    show(name, start, hidden);
}

static void put(const u32 *words, unsigned count)
{
    for (unsigned index = 0; index < count; index++) code[index] = words[index];
    code[count] = 0xd4202460;   // brk #0x123
    __asm__ volatile("dsb ish\n ic iallu\n dsb ish\n isb");
    for (u64 line = (u64)code; line < (u64)(code + 64); line += 16)
        __asm__ volatile("dc cvau, %0\n dsb ish\n ic ivau, %0" : : "r"(line));
    __asm__ volatile("dsb ish\n isb");
}

static void try_at(const char *name, u64 spsr, u64 x0, u64 x1, unsigned hidden, unsigned count, const u32 *words)
{
    put(words, count);
    u64 base = (u64)code + ((spsr & 15) == 0 ? USER : 0);
    run_at(name, base, base, spsr, stack + ((spsr & 15) == 0 ? USER : 0), x0, x1, hidden);
}

#define WORDS(...) sizeof((u32[]){ __VA_ARGS__ }) / 4, (u32[]){ __VA_ARGS__ }
#define TRY(name, spsr, x0, x1, hidden, ...) try_at(name, spsr, x0, x1, hidden, WORDS(__VA_ARGS__))
#define K (EL1H | MASKED)
#define NOP 0xd503201f
#define LDR_X0_X1 0xf9400020
#define STR_X0_X1 0xf9000020

static void instructions(void)
{
    TRY("svc", K, 0, 0, NO_FAR, 0xd4000541);
    TRY("svc from EL0", EL0, 0, 0, NO_FAR, 0xd4000541);
    TRY("brk", K, 0, 0, NO_FAR, 0xd4200540);
    TRY("brk from EL1t", EL1T | MASKED, 0, 0, NO_FAR, 0xd4200540);
    TRY("hlt", K, 0, 0, NO_FAR, 0xd4400020);
    TRY("hlt #0xf000 at EL0", EL0, 0, 0, NO_FAR, 0xd45e0000);
    TRY("udf", K, 0, 0, NO_FAR, 0);
    TRY("smc", K, 0, 0, NO_FAR, 0xd4000003);
    TRY("hvc at EL0", EL0, 0, 0, NO_FAR, 0xd4000002);
    TRY("eret at EL0", EL0, 0, 0, NO_FAR, 0xd69f03e0);
    TRY("illegal mode EL2h", 9 | MASKED, 0, 0, NO_FAR, NOP);
    TRY("illegal mode 1", 1 | MASKED, 0, 0, NO_FAR, NOP);
    TRY("PSTATE.IL by SPSR", K | 1 << 20, 0, 0, NO_FAR, NOP);
    TRY("flags in SPSR", K | 0xfUL << 28, 0, 0, NO_FAR, 0xd4000001);
}

static void alignment(void)
{
    u64 d = (u64)data;
    for (int user = 0; user < 2; user++) {
        u64 spsr = user ? EL0 : K, base = (u64)code + (user ? USER : 0), sp = stack + (user ? USER : 0) + 8;
        static const u32 accesses[][2] = {
            { 0xf94003e0, NOP }, { 0xf90003e0, NOP }, { 0xa9400be0, NOP }, { 0xa9bf0be0, NOP }, { 0xf84087e0, NOP },
            { 0xfd4003e0, NOP }, { 0x4c0073e0, NOP }, { 0xc85f7fe0, NOP }, { 0xc8dfffe0, NOP }, { 0xf82003e0, NOP },
            { 0xf8616be0, NOP }, { 0x910003e0, NOP }, { 0x910023ff, 0xf94003e0 }, { 0x9100201f, NOP },
            { 0x910003ff, 0xf94003e0 }, { 0x8b2063ff, 0xf94003e0 },
        };
        for (unsigned index = 0; index < sizeof accesses / sizeof *accesses; index++) {
            put(accesses[index], 2);
            run_at(user ? "EL0, SP not aligned:" : "EL1, SP not aligned:", base, base, spsr, sp, 16, 0, NO_FAR | NO_X0);
        }
        MSR(sctlr_el1, SCTLR_ON & ~(user ? 1UL << 4 : 1UL << 3));
        put(accesses[0], 2);
        run_at("SP not aligned, unchecked", base, base, spsr, sp, 0, 0, NO_FAR | NO_X0);
        MSR(sctlr_el1, SCTLR_ON);
    }
    MSR(sctlr_el1, SCTLR_ON & ~(1UL << 4));
    TRY("SP_EL0 at EL1t follows SA, not SA0", EL1T | MASKED, 0, 0, NO_FAR | NO_X0, 0xd10023ff, 0xf94003e0);
    MSR(sctlr_el1, SCTLR_ON);
    put((u32[]){ NOP }, 1);
    run_at("PC not aligned", (u64)code + 2, (u64)code, K, stack, 0, 0, 0);
    run_at("PC not aligned at EL0", (u64)code + USER + 1, (u64)code + USER, EL0, stack + USER, 0, 0, 0);
    TRY("br to an unaligned address", K, 0, (u64)code + 6, 0, 0xd61f0020);
    TRY("ldr, unaligned", K, 0, d + 1, 0, LDR_X0_X1);
    TRY("ldxr, unaligned", K, 0, d + 4, 0, 0xc85f7c20);
    TRY("stxr, unaligned", K, 0, d + 4, 0, 0xc8027c20);
    TRY("ldaxrh, unaligned", K, 0, d + 1, 0, 0x485ffc20);
    TRY("ldxp, unaligned", K, 0, d + 8, 0, 0xc87f0820);
    TRY("ldar, unaligned", K, 0, d + 2, 0, 0xc8dffc20);
    TRY("stlr, unaligned", K, 0, d + 2, 0, 0x889ffc20);
    TRY("ldadd, unaligned", K, 0, d + 2, 0, 0xb8200020);
    TRY("cas, unaligned", K, 0, d + 2, 0, 0x88a07c20);
    TRY("casp, unaligned", K, 0, d + 8, 0, 0x48207c20);
    TRY("ldr of a device, unaligned", K, 0, DEVICE + 0x1a, 0, 0xb9400020);
    TRY("str to a device, unaligned", K, 0, DEVICE + 0x31, 0, 0x79000020);
    TRY("ldp of a device, unaligned", K, 0, DEVICE + 0x1a, NO_X0, 0x29400820);
    TRY("dc zva of a device", K, 0, DEVICE + 0x1b, 0, 0xd50b7421);
    MSR(sctlr_el1, SCTLR_ON | 2);
    TRY("SCTLR.A: ldr", K, 0, d + 4, 0, LDR_X0_X1);
    TRY("SCTLR.A: ldrb", K, 0, d + 5, 0, 0x39400020);
    TRY("SCTLR.A: strh", K, 0, d + 5, 0, 0x79000020);
    TRY("SCTLR.A: ldp by 8", K, 0, d + 8, NO_X0, 0xa9400820);
    TRY("SCTLR.A: ldp by 4", K, 0, d + 4, 0, 0xa9400820);
    TRY("SCTLR.A: ldr q by 8", K, 0, d + 8, 0, 0x3dc00020);
    TRY("SCTLR.A: ld1 16b by 1", K, 0, d + 1, 0, 0x4c407020);
    TRY("SCTLR.A: ld1 2d by 4", K, 0, d + 4, 0, 0x4c407c20);
    TRY("SCTLR.A: ldtr at EL1", K, 0, (u64)data + USER + 1, 0, 0xf8400820);
    MSR(sctlr_el1, SCTLR_ON);
}

static void translation(void)
{
    static const char names[][24] = { "hole", "EL1 only", "read-only", "no access flag", "EL0 too", "EL0, read-only",
        "not to be executed", "device", "address too big" };
    for (u64 page = 0; page < 9; page++) {
        u64 address = PAGED + page * 4096 + 8;
        print(names[page]);
        print(":\n");
        if (page != 7) {
            TRY(" ldr", K, 0, address, 0, LDR_X0_X1);
            TRY(" str", K, 0, address, 0, STR_X0_X1);
            TRY(" ldr at EL0", EL0, 0, address, 0, LDR_X0_X1);
            TRY(" str at EL0", EL0, 0, address, 0, STR_X0_X1);
            TRY(" ldtr", K, 0, address, 0, 0xf8400820);
            TRY(" dc civac", K, 0, address, 0, 0xd50b7e21);
            TRY(" dc zva", K, 0, address, 0, 0xd50b7421);
            TRY(" at s1e0w", K, 0, address, 0, 0xd5087861, 0xd5387400, 0x92401800);
        }
        data[1] = 0xd4200540d4200540;
        put((u32[]){ NOP }, 1);
        if (page != 7) {
            run_at(" fetch", address, address, K, stack, 0, 0, NO_X0);
            run_at(" fetch at EL0", address, address, EL0, stack, 0, 0, NO_X0);
        }
        data[1] = 0;
    }
    TRY("no level 2 entry", K, 0, PAGED + 0x200000, 0, LDR_X0_X1);
    TRY("no level 1 entry", K, 0, 0x100000000, 0, LDR_X0_X1);
    TRY("beyond 39 bits", K, 0, 0x8000000000, 0, LDR_X0_X1);
    TRY("upper half", K, 0, 0xffffffff80000000, 0, LDR_X0_X1);
    TRY("across into a hole", K, 0, PAGED + 0x9000 - 4, NO_X0, LDR_X0_X1);
    TRY("store across into a read-only page", K, 0, PAGED + 0x2000 - 4, 0, STR_X0_X1);
}

static void system_registers(void)
{
    static const struct { char name[28]; u32 word; } user[] = {
        { "mrs ctr_el0", 0xd53b0020 }, { "mrs dczid_el0", 0xd53b00e0 }, { "mrs midr_el1", 0xd5380000 },
        { "mrs cntvct_el0", 0xd53be040 }, { "mrs cntpct_el0", 0xd53be020 }, { "mrs cntfrq_el0", 0xd53be000 },
        { "msr cntfrq_el0", 0xd51be000 }, { "mrs cntv_ctl_el0", 0xd53be320 }, { "msr cntv_cval_el0", 0xd51be340 },
        { "mrs cntp_tval_el0", 0xd53be200 }, { "mrs cntkctl_el1", 0xd538e100 }, { "mrs daif", 0xd53b4220 },
        { "msr daif", 0xd51b4220 }, { "msr daifset", 0xd50341df }, { "msr daifclr", 0xd50342ff },
        { "msr spsel", 0xd50041bf }, { "mrs currentel", 0xd5384240 }, { "mrs sctlr_el1", 0xd5381000 },
        { "dc zva", 0xd50b7421 }, { "dc cvau", 0xd50b7b21 }, { "dc cvac", 0xd50b7a21 }, { "dc civac", 0xd50b7e21 },
        { "dc ivac", 0xd5087621 }, { "ic ivau", 0xd50b7521 }, { "ic iallu", 0xd508751f }, { "tlbi vmalle1", 0xd508871f },
        { "wfi", 0xd503207f }, { "mrs fpcr", 0xd53b4400 }, { "mrs fpsr", 0xd53b4420 }, { "fmov", 0x1e2703e0 },
        { "ldr s0", 0xbd400020 }, { "mrs tpidr_el1", 0xd538d080 }, { "msr tpidrro_el0", 0xd51bd060 },
        { "mrs tpidrro_el0", 0xd53bd060 }, { "mrs nzcv", 0xd53b4200 }, { "mrs mdscr_el1", 0xd5300240 },
        { "mrs elr_el1", 0xd5384020 }, { "at s1e0r", 0xd5087841 }, { "msr pan", 0xd500419f },
    };
    for (int open = 0; open < 2; open++) {
        print(open ? "EL0, all allowed:\n" : "EL0, nothing allowed:\n");
        u64 allowed = 1 << 9 | 1 << 14 | 1 << 15 | 1 << 16 | 1 << 18 | 1 << 26;
        for (unsigned index = 0; index < sizeof user / sizeof *user; index++) {
            // WFI would wait.
            if (open && user[index].word == 0xd503207f) continue;
            MSR(sctlr_el1, open ? SCTLR_ON | allowed : SCTLR_ON & ~allowed);
            MSR(cpacr_el1, open ? 3UL << 20 : 0);
            MSR(cntkctl_el1, open ? 0x303 : 0);
            print(" ");
            TRY(user[index].name, EL0, 0, (u64)data + USER, NO_FAR | NO_X0, user[index].word);
        }
    }
    MSR(sctlr_el1, SCTLR_ON);
    MSR(cntkctl_el1, 0);
    for (u64 fpen = 0; fpen < 4; fpen++) {
        MSR(cpacr_el1, fpen << 20);
        TRY("fmov at EL1 by CPACR", K, 0, 0, NO_FAR, 0x1e2703e0);
        TRY("mrs fpcr at EL1 by CPACR", K, 0, 0, NO_FAR | NO_X0, 0xd53b4400);
        TRY("fmov at EL0 by CPACR", EL0, 0, 0, NO_FAR, 0x1e2703e0);
        TRY("msr fpsr at EL0 by CPACR", EL0, 0, 0, NO_FAR, 0xd51b4420);
    }
    MSR(cpacr_el1, 3UL << 20);
    static const struct { char name[28]; u32 word; } kernel[] = {
        { "msr midr_el1", 0xd5180000 }, { "msr id_aa64pfr0_el1", 0xd5180400 }, { "msr currentel", 0xd5184240 },
        { "msr ctr_el0", 0xd51b0020 }, { "msr isr_el1", 0xd518c100 }, { "mrs oslar_el1", 0xd5301080 },
        { "msr oslsr_el1", 0xd5101180 }, { "msr cntpct_el0", 0xd51be020 }, { "mrs hcr_el2", 0xd53c1100 },
        { "mrs vbar_el2", 0xd53cc000 }, { "mrs scr_el3", 0xd53e1100 }, { "mrs s3_0_c0_c0_1", 0xd5380020 },
        { "mrs s3_0_c1_c0_7", 0xd53810e0 }, { "mrs s3_0_c8_c0_0", 0xd5388000 }, { "mrs s3_7_c15_c15_7", 0xd53fffe0 },
        { "mrs s2_1_c0_c0_0", 0xd5310000 }, { "mrs sp_el0 at SPSel 1", 0xd5384100 }, { "mrs sp_el1", 0xd53c4100 },
        { "mrs icc_sgi1r_el1", 0xd538cba0 }, { "msr icc_iar1_el1", 0xd518cc00 }, { "msr s0_3_c4_c1_7", 0xd50341ff },
        { "sys #0, c7, c2, #0", 0xd508720f }, { "sys #0, c8, c7, #2", 0xd5088742 }, { "sysl", 0xd5287100 },
        { "dc isw", 0xd5087641 }, { "mrs dbgauthstatus_el1", 0xd5307ec0 },
        { "mrs mdccsr_el0", 0xd5330100 }, { "mrs s2_0_c0_c15_4", 0xd5300f80 },
    };
    for (unsigned index = 0; index < sizeof kernel / sizeof *kernel; index++)
        TRY(kernel[index].name, K, 0, (u64)data, NO_FAR | NO_X0, kernel[index].word);
    TRY("mrs sp_el0 at EL1t", EL1T | MASKED, 0, 0, NO_FAR, 0xd5384100);
    // RES0 and RES1 of what can be written.
    MSR(vbar_el1, MRS(vbar_el1));
    u64 old = MRS(vbar_el1);
    MSR(contextidr_el1, 0xffffffff);
    print("contextidr "); print_hex(MRS(contextidr_el1)); print("\n");
    MSR(contextidr_el1, 0);
    MSR(vbar_el1, old | 0x7ff);
    print("vbar low bits "); print_hex(MRS(vbar_el1) & 0x7ff); print("\n");
    MSR(vbar_el1, old);
    MSR(cpacr_el1, 0xffffffff);
    print("cpacr.fpen "); print_hex(MRS(cpacr_el1) & 3 << 20); print("\n");
    MSR(cpacr_el1, 3UL << 20);
}

static void debug(void)
{
    u64 d = (u64)data;
    MSR(oslar_el1, 0);
    #define STEP(name, spsr, ss, x1, ...) (MSR(mdscr_el1, 1), TRY(name, (spsr) | (u64)(ss) << 21, 0, x1, NO_FAR | NO_X0, __VA_ARGS__))
    STEP("step nop at EL0", EL0, 1, 0, NOP, NOP);
    STEP("step pending at EL0", EL0, 0, 0, NOP, NOP);
    STEP("step ldxr", EL0, 1, d + USER, 0xc85f7c20);
    STEP("step ldaxrb", EL0, 1, d + USER, 0x085ffc20);
    STEP("step ldxp", EL0, 1, d + USER, 0xc87f0820);
    STEP("step stxr", EL0, 1, d + USER, 0xc8027c20);
    STEP("step ldr", EL0, 1, d + USER, LDR_X0_X1);
    STEP("step b", EL0, 1, 0, 0x14000002, NOP, NOP);
    STEP("step svc", EL0, 1, 0, 0xd4000001);
    STEP("step brk", EL0, 1, 0, 0xd4200000);
    STEP("step udf", EL0, 1, 0, 0);
    STEP("step fault", EL0, 1, 0, LDR_X0_X1);
    STEP("step at EL1 without KDE", K & ~0x200UL, 1, 0, NOP, NOP);
    #define KSTEP(name, spsr, ss, x1, ...) (MSR(mdscr_el1, 1 | 1 << 13), TRY(name, (spsr) | (u64)(ss) << 21, 0, x1, NO_FAR | NO_X0, __VA_ARGS__))
    KSTEP("step at EL1 with KDE", K & ~0x200UL, 1, 0, NOP, NOP);
    KSTEP("step at EL1, masked", K, 1, 0, NOP, NOP);
    KSTEP("step msr daifclr", K, 0, 0, 0xd50348ff, NOP, NOP);
    KSTEP("step svc at EL1", K & ~0x200UL, 1, 0, 0xd4000001);
    KSTEP("step msr daifset", K & ~0x200UL, 1, 0, 0xd50348df, NOP);
    u64 on = 1 << 15 | 1 << 13;
    #define POINT(name, mdscr, spsr, ...) (MSR(mdscr_el1, mdscr), TRY(name, (spsr), 0, d, NO_FAR | NO_X0, __VA_ARGS__))
    u64 open = K & ~0x200UL;
    MSR(dbgbvr0_el1, (u64)code + 4);
    MSR(dbgbcr0_el1, 0x1e3);
    POINT("breakpoint at EL1", on, open, NOP, NOP);
    POINT("breakpoint masked", on, K, NOP, NOP);
    POINT("breakpoint without KDE", 1 << 15, open, NOP, NOP);
    POINT("breakpoint without MDE", 1 << 13, open, NOP, NOP);
    POINT("breakpoint and step", on | 1, open | 1 << 21, NOP, NOP);
    MSR(dbgbvr0_el1, (u64)code + 4 + USER);
    MSR(dbgbcr0_el1, 0x1e5);
    POINT("breakpoint at EL0", on, EL0, NOP, NOP);
    MSR(dbgbcr0_el1, 0x1e3);
    POINT("breakpoint for EL1 at EL0", on, EL0, NOP, NOP);
    MSR(dbgbcr0_el1, 0);
    static const struct { char name[32]; u64 offset, control; u32 word; } watch[] = {
        { "watch ldr", 0, 0x1ffb, LDR_X0_X1 }, { "watch str", 0, 0x1ffb, STR_X0_X1 },
        { "watch loads, str", 0, 0x1feb, STR_X0_X1 }, { "watch stores, ldr", 0, 0x1ff3, LDR_X0_X1 },
        { "watch EL0, ldr at EL1", 0, 0x1ffd, LDR_X0_X1 }, { "watch off", 0, 0x1ffa, LDR_X0_X1 },
        { "watch a word, ldr of the next", 0, 0x1fb, 0xb9400420 }, { "watch 4 KiB", 0, 0x1ffb | 12 << 24, 0xf9400c20 },
        { "watch ldxr", 0, 0x1ffb, 0xc85f7c20 }, { "watch ldadd", 0, 0x1ffb, 0xf8200020 },
        { "watch dc zva", 32, 0x1ffb, 0xd50b7421 },
    };
    for (unsigned index = 0; index < sizeof watch / sizeof *watch; index++) {
        MSR(dbgwvr0_el1, d + watch[index].offset);
        MSR(dbgwcr0_el1, watch[index].control);
        MSR(mdscr_el1, on);
        TRY(watch[index].name, open, 0, d, NO_X0, watch[index].word);
    }
    MSR(dbgwvr0_el1, d + USER);
    MSR(dbgwcr0_el1, 0x1ffd);
    MSR(mdscr_el1, on);
    TRY("watch at EL0", EL0, 0, d + USER, NO_X0, LDR_X0_X1);
    MSR(mdscr_el1, on);
    TRY("watch EL0, ldtr", open, 0, d + USER, NO_X0, 0xf8400820);
    MSR(dbgwcr0_el1, 0);
    MSR(mdscr_el1, 0);
}

int main(void)
{
    stack = (u64)(data + 512);
    map();
    print("# instructions\n");
    instructions();
    print("# alignment\n");
    alignment();
    print("# translation\n");
    translation();
    print("# system registers\n");
    system_registers();
    print("# debug\n");
    debug();
    return 0;
}
