// A guest that means harm, for the software CPU: every encoding of MRS, MSR and SYS, and each page of devices in every width, with nonsense
// that follows from SEED, a number that the compiler is told. It ends by PSCI when it has come through; the VMM must have been neither crashed nor filled up.

#include "board.h"

// RAM that nobody needs: where system instructions and devices are sent.
#define SCRATCH 0x42000000UL

u64 attempt(u64 pc, u64 spsr, u64 sp, u64 x0, u64 x1);
extern u64 caught[7];

static u64 seed;

static u64 any(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static u64 edge(void)
{
    switch (any() & 7) {
    case 0: return 0;
    case 1: return ~0UL;
    case 2: return 1UL << (any() & 63);
    case 3: return SCRATCH + (any() & 0xfffff);
    default: return any();
    }
}

// An instruction and BRK behind it, with x0 and x1: back with the exception of one of them. Returns whether the instruction was taken.
static u32 code[2] __attribute__((aligned(64)));

static int execute(u32 instruction, u64 x0, u64 x1)
{
    code[0] = instruction;
    code[1] = 0xd4200000;
    __asm__ volatile("dc cvau, %0\n dsb ish\n ic ivau, %0\n dsb ish\n isb" : : "r"(code) : "memory");
    attempt((u64)code, 0x3c5, 0, x0, x1);
    return caught[1] >> 26 == 0x3c;
}

// What this program stands on: CRn 1 (SCTLR and CPACR), 2 (TTBR, TCR) and 12 op2 0 (VBAR) of EL1. Their values come back with MSR.
static int is_foundation(u32 fields)
{
    u32 op1 = fields >> 11 & 7, crn = fields >> 7 & 15, crm = fields >> 3 & 15, op2 = fields & 7;
    return op1 == 0 && (crn == 1 || crn == 2 || (crn == 12 && crm == 0 && op2 == 0));
}

static void system_registers(void)
{
    u32 reads = 0, writes = 0, operations = 0;
    // Bits 19:5: o0, op1, CRn, CRm, op2.
    for (u32 fields = 0; fields < 0x8000; fields++) {
        reads += execute(0xd5300000 | fields << 5, 0, 0);
        u64 value = caught[5];
        if (fields >> 14 && is_foundation(fields & 0x3fff)) {
            execute(0xd5100000 | fields << 5, value, 0);
            continue;
        }
        writes += execute(0xd5100000 | fields << 5, edge(), 0);
    }
    // SYS and SYSL (op0 1). What they are given as an address is harmless, for DC ZVA writes there.
    for (u32 fields = 0; fields < 0x4000; fields++) {
        operations += execute(0xd5080000 | fields << 5, SCRATCH + (any() & 0xfffff), 0);
        operations += execute(0xd5280000 | fields << 5, 0, 0);
    }
    show("all reads and writes were taken", reads == 0x8000 && writes == 0x8000);
    show("some reads were taken", reads > 100);
    show("some writes were taken", writes > 50);
    show("some operations were taken", operations > 10);
}

static void access(u64 address)
{
    // LDRB, LDRH, LDR of 32 and 64 bits, x1 from the address in x0; the stores are without bit 22.
    u32 load = 0x39400001 | (any() & 3) << 30;
    execute(load, address, 0);
    // The panic notifier's page ends the run.
    if (address >> 12 != 0x91) execute(load & ~(1U << 22), address, edge());
}

static void devices(void)
{
    // The distributor, the ITS, redistributors, UART, RTC, GPIO, virtio.
    static const unsigned short pages[] = { 0x8000, 0x8006, 0x800f, 0x8080, 0x8090, 0x80a0, 0x80b0, 0x9000, 0x9010, 0x9030, 0xa000, 0xa001, 0xa002, 0xa003 };
    for (u64 page = 0; page < 0xb000; page += 1 + (any() & 15)) access(page << 12 | (any() & 0xfff));
    for (u32 count = 0; count < 10000; count++) {
        u64 page = pages[any() % (sizeof pages / sizeof *pages)];
        access(page << 12 | (any() & (any() & 1 ? 0xff8 : 0xfff)));
    }
    // PCI configuration, and where BARs are.
    for (u32 count = 0; count < 3000; count++) access(0x3f000000 | (any() & 0xffffff));
    for (u32 count = 0; count < 3000; count++) access(0x10000000 | (any() & 0x2fffffff));
}

int main(void)
{
    seed = SEED * 0x9e3779b97f4a7c15 | 1;
    print("# system registers\n");
    system_registers();
    print("\n# devices\n");
    devices();
    set(UART + 0x30, 0x301);
    print("\nsurvived\n");
    power_off();
}
