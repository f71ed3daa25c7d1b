// The GICv3's registers from a bare CPU: what the architecture fixes of their values and of what writes leave in them. Nothing is
// pending or active meanwhile but by these writes, and nothing is acknowledged.
// Source: Arm IHI 0069, chapter 12.

#include "board.h"

// A row of SPIs that no device has a wire to: INTIDs 128 to 159.
#define ROW 4
#define FIRST 128
// The private interrupts that every machine has: the SGIs, and the timers' 27 and 30.
#define PRIVATE 0x4800ffffU

// Writes all ones, then zeros, and shows what each leaves.
static void write_both(const char *name, u64 address, u32 mask)
{
    print(name);
    set(address, ~0U);
    show(", ones", get(address) & mask);
    print(name);
    set(address, 0);
    show(", zeros", get(address) & mask);
}

// A pair of registers that set and clear bits of one state. Zeros change nothing.
static void write_pair(const char *name, u64 base, u32 setter, u32 clearer, u32 mask)
{
    set(base + clearer, ~0U);
    print(name);
    show(", cleared", get(base + setter) & mask);
    set(base + setter, 0x0f0f0f0f);
    print(name);
    show(", some set", get(base + setter) & mask);
    set(base + setter, 0);
    print(name);
    show(", zeros written to set", get(base + setter) & mask);
    set(base + setter, 0x48ff0000);
    print(name);
    show(", more set", get(base + setter) & mask);
    print(name);
    show(", as the clearing register reads", get(base + clearer) & mask);
    set(base + clearer, 0);
    print(name);
    show(", zeros written to clear", get(base + setter) & mask);
    set(base + clearer, 0x000f000f);
    print(name);
    show(", some cleared", get(base + setter) & mask);
    set(base + clearer, ~0U);
    print(name);
    show(", all cleared", get(base + clearer) & mask);
}

static void distributor(void)
{
    print("# GICD\n");
    // RWP (bit 31) says that a write is under way; E1NWF (7) and nASSGIreq (8) need not be there.
    show("GICD_CTLR, at first", get(GICD) & 0x7ffffe7f);
    set(GICD, ~0U);
    show("GICD_CTLR, ones", get(GICD) & 0x7ffffe7f);
    set(GICD, 0);
    show("GICD_CTLR, zeros", get(GICD) & 0x7ffffe7f);
    u32 typer = get(GICD + 4);
    show("GICD_TYPER.CPUNumber", typer >> 5 & 7);
    show("GICD_TYPER.ESPI", typer >> 8 & 1);
    show("GICD_TYPER.SecurityExtn", typer >> 10 & 1);
    show("GICD_TYPER.IDbits is enough for the SPIs", (2UL << (typer >> 19 & 31)) >= 32 * (1UL + (typer & 31)));
    set(GICD + 4, ~typer);
    show("GICD_TYPER changes when written", get(GICD + 4) != typer);
    show("GICD_PIDR2.ArchRev", get(GICD + 0xffe8) >> 4 & 15);
    show("GICD, offset 0xc", get(GICD + 0xc));
}

static void shared(void)
{
    print("# SPIs\n");
    u64 row = GICD + 4 * ROW;
    write_both("GICD_IGROUPR4", row + IGROUPR, ~0U);
    write_pair("GICD_ISENABLER4", row, ISENABLER, ICENABLER, ~0U);
    write_pair("GICD_ISPENDR4", row, ISPENDR, ICPENDR, ~0U);
    write_pair("GICD_ISACTIVER4", row, ISACTIVER, ICACTIVER, ~0U);
    write_both("GICD_ICFGR8", GICD + ICFGR + FIRST / 4, ~0U);
    write_both("GICD_ICFGR9", GICD + ICFGR + FIRST / 4 + 4, ~0U);

    u64 priorities = GICD + IPRIORITYR + FIRST;
    write_both("GICD_IPRIORITYR32", priorities, ~0U);
    set(priorities, 0x80604020);
    for (int lane = 0; lane < 4; lane++) show("GICD_IPRIORITYR32, a byte", get_byte(priorities + lane));
    set_byte(priorities + 2, 0xe0);
    show("GICD_IPRIORITYR32, a byte written", get(priorities));
    set_byte(priorities + 3, 0xff);
    show("GICD_IPRIORITYR32, ones in a byte", get(priorities));
    set(priorities, 0);

    u64 router = GICD + IROUTER + 8 * FIRST;
    set64(router, ~0UL);
    show("GICD_IROUTER128, ones", get64(router));
    show("GICD_IROUTER128, ones, Aff2 to Aff0", get64(router) & 0xffffff);
    show("GICD_IROUTER128, ones, RES0", get64(router) & 0xffffff007f000000);
    set64(router, 0);
    show("GICD_IROUTER128, zeros", get64(router));
    set(router, 0x00030201);
    show("GICD_IROUTER128, the low word", get64(router));
    set(router + 4, 0);
    show("GICD_IROUTER128, the low word read", get(router));
    show("GICD_IROUTER128, the high word read", get(router + 4));
    set64(router, 0);
}

// What affinity routing and one security state leave no use for, and INTIDs that there are not.
static void absent(void)
{
    print("# absent\n");
    // SGIs may be enabled from the start.
    set(GICR + SGI_BASE + ICENABLER, ~0U);
    write_both("GICD_IGROUPR0", GICD + IGROUPR, ~0U);
    write_both("GICD_ISENABLER0", GICD + ISENABLER, ~0U);
    write_both("GICD_ISPENDR0", GICD + ISPENDR, ~0U);
    write_both("GICD_ISACTIVER0", GICD + ISACTIVER, ~0U);
    write_both("GICD_IPRIORITYR0", GICD + IPRIORITYR, ~0U);
    write_both("GICD_IPRIORITYR7", GICD + IPRIORITYR + 28, ~0U);
    write_both("GICD_ICFGR1", GICD + ICFGR + 4, ~0U);
    show("GICR_ISENABLER0, CPU 0, not reached through the distributor", get(GICR + SGI_BASE + ISENABLER) & PRIVATE);
    show("GICR_ISPENDR0, CPU 0, not reached through the distributor", get(GICR + SGI_BASE + ISPENDR) & PRIVATE);
    write_both("GICD_IGRPMODR4", GICD + IGRPMODR + 4 * ROW, ~0U);
    write_both("GICD_NSACR8", GICD + NSACR + 8 * ROW, ~0U);
    write_both("GICD_ITARGETSR32", GICD + ITARGETSR + FIRST, ~0U);
    set(GICD + 0xf00, 0x02000003);
    show("GICD_SGIR makes nothing pending", get(GICR + SGI_BASE + ISPENDR) & 0xffff);

    u32 rows = (get(GICD + 4) & 31) + 1;
    if (rows < 31) {
        write_both("GICD_IGROUPR, first absent", GICD + IGROUPR + 4 * rows, ~0U);
        write_both("GICD_ISENABLER, first absent", GICD + ISENABLER + 4 * rows, ~0U);
        write_both("GICD_ISPENDR, first absent", GICD + ISPENDR + 4 * rows, ~0U);
        write_both("GICD_ISACTIVER, first absent", GICD + ISACTIVER + 4 * rows, ~0U);
        write_both("GICD_IPRIORITYR, first absent", GICD + IPRIORITYR + 32 * rows, ~0U);
        write_both("GICD_ICFGR, first absent", GICD + ICFGR + 8 * rows, ~0U);
        set64(GICD + IROUTER + 256 * rows, ~0UL);
        show("GICD_IROUTER, first absent", get64(GICD + IROUTER + 256 * rows));
    }
    show("GICD_IROUTER31", get64(GICD + IROUTER + 8 * 31));
}

static void redistributor(void)
{
    print("# GICR\n");
    show("GICR_PIDR2.ArchRev", get(GICR + 0xffe8) >> 4 & 15);
    show("GICR_PIDR2.ArchRev at SGI_base", get(GICR + SGI_BASE + 0xffe8) >> 4 & 15);
    show("GICR_CTLR.EnableLPIs, RWP and UWP", get(GICR) & 0x80000009);
    show("GICR_TYPER, Affinity_Value and Processor_Number", get64(GICR + 8) & 0xffffffff00ffff00);
    show("GICR_TYPER, the low word is that of the whole", get(GICR + 8) == (u32)get64(GICR + 8));
    show("GICR_TYPER, the high word", get(GICR + 12));
    set(GICR + 0x14, 2);
    show("GICR_WAKER, asleep, ProcessorSleep", get(GICR + 0x14) >> 1 & 1);
    set(GICR + 0x14, 0);
    while (get(GICR + 0x14) & 4) {}
    show("GICR_WAKER, awake", get(GICR + 0x14) & 0x7ffffffe);

    u64 base = GICR + SGI_BASE;
    write_both("GICR_IGROUPR0", base + IGROUPR, PRIVATE);
    write_pair("GICR_ISENABLER0", base, ISENABLER, ICENABLER, PRIVATE);
    write_pair("GICR_ISPENDR0", base, ISPENDR, ICPENDR, 0xffff);
    write_pair("GICR_ISPENDR0 of the timers", base, ISPENDR, ICPENDR, PRIVATE & ~0xffff);
    write_pair("GICR_ISACTIVER0", base, ISACTIVER, ICACTIVER, PRIVATE);
    write_both("GICR_ICFGR0", base + ICFGR, ~0U);
    write_both("GICR_ICFGR1, bits that are reserved", base + ICFGR + 4, 0x55555555);
    for (u32 word = 0; word < 4; word++) write_both("GICR_IPRIORITYR of SGIs", base + IPRIORITYR + 4 * word, ~0U);
    set(base + IPRIORITYR + 4, 0x80604020);
    set_byte(base + IPRIORITYR + 6, 0xe0);
    show("GICR_IPRIORITYR1, a byte written", get(base + IPRIORITYR + 4));
    show("GICR_IPRIORITYR1, a byte", get_byte(base + IPRIORITYR + 5));
    set(base + IPRIORITYR + 4, 0);
    set_byte(base + IPRIORITYR + 27, 0xff);
    show("GICR_IPRIORITYR6, ones in the byte of 27", get(base + IPRIORITYR + 24));
    set_byte(base + IPRIORITYR + 27, 0);
    write_both("GICR_IGRPMODR0", base + IGRPMODR, ~0U);
    write_both("GICR_NSACR", base + NSACR, ~0U);
}

static void cpu_interface(void)
{
    print("# ICC\n");
    MSR(SRE, 7);
    show("ICC_SRE_EL1.SRE", MRS(SRE) & 1);
    show("ICC_SRE_EL1, RES0", MRS(SRE) & ~7UL);
    MSR(CTLR, 0);
    show("ICC_CTLR_EL1, zeros, CBPR and EOImode", MRS(CTLR) & 3);
    MSR(CTLR, 3);
    show("ICC_CTLR_EL1, ones, CBPR and EOImode", MRS(CTLR) & 3);
    show("ICC_CTLR_EL1, RES0", MRS(CTLR) & 0xfffffffffff300bc);
    show("ICC_CTLR_EL1.PRIbits", MRS(CTLR) >> 8 & 7);
    MSR(CTLR, 0);
    MSR(PMR, 0xff);
    show("ICC_PMR_EL1, ones", MRS(PMR));
    MSR(PMR, 0x55);
    show("ICC_PMR_EL1, 0x55", MRS(PMR));
    MSR(PMR, ~0xffUL);
    show("ICC_PMR_EL1, bits above", MRS(PMR));
    for (u64 value = 0; value < 8; value++) {
        MSR(BPR0, value);
        show("ICC_BPR0_EL1", MRS(BPR0));
        MSR(BPR1, value);
        show("ICC_BPR1_EL1", MRS(BPR1));
        MSR(CTLR, 1);
        show("ICC_BPR1_EL1, CBPR", MRS(BPR1));
        MSR(BPR1, 3);
        MSR(CTLR, 0);
        show("ICC_BPR1_EL1, as it was", MRS(BPR1));
    }
    MSR(BPR0, 0);
    MSR(BPR1, 0);
    MSR(IGRPEN0, ~0UL);
    show("ICC_IGRPEN0_EL1, ones", MRS(IGRPEN0));
    MSR(IGRPEN0, 0);
    show("ICC_IGRPEN0_EL1, zeros", MRS(IGRPEN0));
    MSR(IGRPEN1, ~0UL);
    show("ICC_IGRPEN1_EL1, ones", MRS(IGRPEN1));
    MSR(IGRPEN1, 0);
    show("ICC_IGRPEN1_EL1, zeros", MRS(IGRPEN1));
    show("ICC_AP0R0_EL1", MRS(AP0R0));
    show("ICC_AP1R0_EL1", MRS(AP1R0));
    show("ICC_RPR_EL1", MRS(RPR));
    show("ICC_HPPIR0_EL1", MRS(HPPIR0));
    show("ICC_HPPIR1_EL1", MRS(HPPIR1));
    show("ICC_IAR0_EL1", MRS(IAR0));
    show("ICC_IAR1_EL1", MRS(IAR1));
    show("ICC_RPR_EL1, after that", MRS(RPR));
}

int main(void)
{
    distributor();
    shared();
    absent();
    redistributor();
    cpu_interface();
    power_off();
}
