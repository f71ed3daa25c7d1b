// How a GICv3 takes one CPU through its interrupts: pending, active, ended, deactivated, preempted and masked, for SGIs and for an SPI that
// is made pending by hand.
// Source: Arm IHI 0069, chapter 4.

#include "board.h"

// An SPI that no device has a wire to.
#define SPI 130

static const u64 own = GICR + SGI_BASE;

// The word of a register of one bit an interrupt, and the interrupt's bit in it.
static u64 place(u32 intid, u32 offset) { return (intid < 32 ? own : GICD + intid / 32 * 4) + offset; }
static u32 bit(u32 intid) { return 1U << (intid & 31); }
static u32 is(u32 intid, u32 offset) { return get(place(intid, offset)) >> (intid & 31) & 1; }
static void make(u32 intid, u32 offset) { set(place(intid, offset), bit(intid)); }
static void priority(u32 intid, u32 value) { set_byte((intid < 32 ? own : GICD) + IPRIORITYR + intid, value); }

static void set_edge(u32 intid, u32 edge)
{
    u64 address = (intid < 32 ? own : GICD) + ICFGR + intid / 16 * 4;
    u32 mask = 2U << intid % 16 * 2;
    set(address, edge ? get(address) | mask : get(address) & ~mask);
}

static void send(u32 sgi) { MSR(SGI1R, (u64)sgi << 24 | 1); }

static void field(const char *name, u64 value)
{
    print(" ");
    print(name);
    print("=");
    print_hex(value);
}

// What the CPU and the controller say of everything: the signals, the most urgent interrupt, the running priority, and `intid`. The look at
// the controller comes first: after it a CPU on KVM has been told of all that is pending.
static void state(const char *name, u32 intid)
{
    print(name);
    print(":");
    u32 pending = is(intid, ISPENDR), active = is(intid, ISACTIVER);
    u64 signals = MRS("isr_el1");
    field("irq", signals >> 7 & 1);
    field("fiq", signals >> 6 & 1);
    field("hppir1", MRS(HPPIR1));
    field("hppir0", MRS(HPPIR0));
    field("rpr", MRS(RPR));
    field("pending", pending);
    field("active", active);
    print("\n");
}

static u64 acknowledge(u32 intid)
{
    u64 value = MRS(IAR1);
    show(" acknowledged", value);
    state(" then", intid);
    return value;
}

static void end(u32 intid)
{
    MSR(EOIR1, intid);
    state(" ended", intid);
}

static void start(void)
{
    set(GICD, 0x13);
    set(GICR + 0x14, 0);
    while (get(GICR + 0x14) & 4) {}
    set(own + IGROUPR, ~0U);
    set(own + ISENABLER, 0xffff);
    for (u32 sgi = 0; sgi < 16; sgi++) priority(sgi, 0xa0);
    make(SPI, IGROUPR);
    make(SPI, ISENABLER);
    priority(SPI, 0xa0);
    MSR(SRE, 7);
    MSR(PMR, 0xff);
    MSR(BPR0, 0);
    MSR(BPR1, 0);
    MSR(IGRPEN0, 1);
    MSR(IGRPEN1, 1);
}

static void one(void)
{
    print("# an SGI\n");
    state("nothing", 3);
    acknowledge(3);
    MSR(EOIR1, SPURIOUS);
    state("end of nothing", 3);
    send(3);
    state("sent", 3);
    acknowledge(3);
    show(" AP1R0 has something", MRS(AP1R0) != 0);
    show(" AP0R0", MRS(AP0R0));
    acknowledge(3);
    send(3);
    state("again while active", 3);
    end(3);
    acknowledge(3);
    end(3);
    make(3, ISPENDR);
    state("by ISPENDR", 3);
    make(3, ICPENDR);
    state("by ICPENDR", 3);
    send(3);
    send(3);
    acknowledge(3);
    end(3);
    show("AP1R0", MRS(AP1R0));
}

static void two_steps(void)
{
    print("# EOImode 1\n");
    MSR(CTLR, 2);
    send(4);
    acknowledge(4);
    end(4);
    send(4);
    state("again before it is deactivated", 4);
    MSR(DIR, 4);
    state("deactivated", 4);
    acknowledge(4);
    // In the other order: the priority first.
    send(5);
    state("another of this priority", 5);
    end(4);
    acknowledge(5);
    MSR(DIR, 4);
    state("4 deactivated", 4);
    end(5);
    MSR(DIR, 5);
    state("5 deactivated", 5);
    make(SPI, ISPENDR);
    acknowledge(SPI);
    end(SPI);
    MSR(DIR, SPI);
    state("SPI deactivated", SPI);
    MSR(CTLR, 0);
}

static void preemption(void)
{
    print("# preemption\n");
    priority(1, 0xa0);
    priority(2, 0x80);
    priority(6, 0xb0);
    send(1);
    acknowledge(1);
    send(6);
    state("a less urgent one", 6);
    acknowledge(6);
    send(2);
    state("a more urgent one", 2);
    acknowledge(2);
    state(" the first", 1);
    end(2);
    state(" the first", 1);
    end(1);
    acknowledge(6);
    end(6);
    for (u32 level = 0; level < 4; level++) priority(8 + level, 0xc0 - 0x20 * level);
    for (u32 level = 0; level < 4; level++) {
        send(8 + level);
        acknowledge(8 + level);
    }
    for (u32 level = 4; level-- > 0;) end(8 + level);
    // Those that are pending at the same time come by priority.
    for (u32 level = 0; level < 4; level++) send(8 + level);
    for (u32 level = 4; level-- > 0;) {
        acknowledge(8 + level);
        end(8 + level);
    }
    for (u32 level = 0; level < 4; level++) priority(8 + level, 0xa0);
}

// Each binary point: what a priority counts as when it runs, and whether one that is 8 more urgent preempts it.
static void binary_points(u32 common)
{
    print(common ? "# binary points, CBPR\n" : "# binary points\n");
    priority(1, 0xf0);
    priority(2, 0xe8);
    MSR(CTLR, common);
    for (u64 point = 0; point < 8; point++) {
        MSR(BPR0, common ? point : 0);
        MSR(BPR1, common ? 0 : point);
        show("point", point);
        send(1);
        acknowledge(1);
        send(2);
        state(" more urgent by 8", 2);
        priority(2, 0x60);
        state(" much more urgent", 2);
        if (acknowledge(2) == 2) end(2);
        end(1);
        MSR(PMR, 0);
        make(2, ICPENDR);
        MSR(PMR, 0xff);
        priority(2, 0xe8);
    }
    MSR(CTLR, 0);
    MSR(BPR0, 0);
    MSR(BPR1, 0);
    priority(1, 0xa0);
    priority(2, 0xa0);
}

static void masks(void)
{
    print("# masks\n");
    MSR(PMR, 0x80);
    send(1);
    state("PMR 0x80", 1);
    acknowledge(1);
    MSR(PMR, 0xa0);
    state("PMR 0xa0", 1);
    acknowledge(1);
    MSR(PMR, 0xb0);
    state("PMR 0xb0", 1);
    MSR(PMR, 0);
    state("PMR 0", 1);
    MSR(PMR, 0xff);
    state("PMR 0xff", 1);
    make(1, ICENABLER);
    state("disabled", 1);
    acknowledge(1);
    make(1, ISENABLER);
    state("enabled", 1);
    MSR(IGRPEN1, 0);
    state("ICC_IGRPEN1 0", 1);
    acknowledge(1);
    MSR(IGRPEN1, 1);
    state("ICC_IGRPEN1 1", 1);
    set(GICD, 0x11);
    state("GICD_CTLR.EnableGrp1 0", 1);
    acknowledge(1);
    set(GICD, 0x13);
    state("GICD_CTLR.EnableGrp1 1", 1);
    // Linux's KVM needs it.
    send(1);
    acknowledge(1);
    // What is active is taken out of that state by hand: the priority runs on.
    make(1, ICACTIVER);
    state("by ICACTIVER", 1);
    MSR(EOIR1, 1);
    state("ended", 1);
    make(1, ISACTIVER);
    send(1);
    state("by ISACTIVER", 1);
    make(1, ICACTIVER);
    state("by ICACTIVER", 1);
    acknowledge(1);
    end(1);
    priority(1, 0xf8);
    MSR(PMR, 0xf0);
    send(1);
    state("the lowest priority, PMR 0xf0", 1);
    MSR(PMR, 0xff);
    make(1, ICPENDR);
    priority(1, 0);
    MSR(PMR, 0x10);
    send(1);
    state("the highest priority, PMR 0x10", 1);
    acknowledge(1);
    end(1);
    MSR(PMR, 0xff);
    priority(1, 0xa0);
}

static void shared(u32 edge)
{
    print(edge ? "# an SPI, edge-triggered\n" : "# an SPI, level-sensitive\n");
    set_edge(SPI, edge);
    make(SPI, ISPENDR);
    state("by ISPENDR", SPI);
    make(SPI, ICPENDR);
    state("by ICPENDR", SPI);
    make(SPI, ISPENDR);
    acknowledge(SPI);
    make(SPI, ISPENDR);
    state("by ISPENDR while active", SPI);
    make(SPI, ICPENDR);
    state("by ICPENDR while active", SPI);
    make(SPI, ISPENDR);
    end(SPI);
    acknowledge(SPI);
    end(SPI);
    make(SPI, ISACTIVER);
    make(SPI, ISPENDR);
    state("active and pending by hand", SPI);
    acknowledge(SPI);
    make(SPI, ICACTIVER);
    state("not active", SPI);
    make(SPI, ICENABLER);
    state("disabled", SPI);
    make(SPI, ISENABLER);
    acknowledge(SPI);
    end(SPI);
    // One configuration to the other while it is pending by hand.
    make(SPI, ICENABLER);
    make(SPI, ISPENDR);
    make(SPI, ICPENDR);
    state("disabled, pending and not", SPI);
    make(SPI, ISENABLER);
    // It preempts an SGI.
    priority(SPI, 0x40);
    send(1);
    acknowledge(1);
    make(SPI, ISPENDR);
    state("more urgent than an SGI", SPI);
    acknowledge(SPI);
    end(SPI);
    end(1);
    priority(SPI, 0xa0);
}

static void groups(void)
{
    print("# group 0\n");
    set(own + IGROUPR, ~bit(7));
    MSR(SGI0R, 7UL << 24 | 1);
    state("sent by SGI0R", 7);
    show("ICC_IAR1", MRS(IAR1));
    show("ICC_IAR0", MRS(IAR0));
    state("active", 7);
    show("AP0R0 has something", MRS(AP0R0) != 0);
    show("AP1R0", MRS(AP1R0));
    send(1);
    state("of group 1 at the same time", 1);
    MSR(EOIR0, 7);
    state("ended", 7);
    MSR(SGI0R, 7UL << 24 | 1);
    priority(7, 0x80);
    state("both, group 0 more urgent", 7);
    show("ICC_IAR1", MRS(IAR1));
    show("ICC_IAR0", MRS(IAR0));
    MSR(EOIR0, 7);
    acknowledge(1);
    end(1);
    MSR(SGI0R, 2UL << 24 | 1);
    state("SGI0R, of group 1", 2);
    make(7, ISPENDR);
    MSR(IGRPEN0, 0);
    state("ICC_IGRPEN0 0", 7);
    MSR(IGRPEN0, 1);
    set(GICD, 0x12);
    state("GICD_CTLR.EnableGrp0 0", 7);
    set(GICD, 0x13);
    set(own + IGROUPR, ~0U);
    state("moved to group 1 while pending", 7);
    acknowledge(7);
    end(7);
    priority(7, 0xa0);
}

static void nowhere(void)
{
    print("# not sent\n");
    MSR(SGI1R, 2UL << 24);
    state("to no target", 2);
    MSR(SGI1R, 2UL << 24 | 0x8000);
    state("to a target that is not there", 2);
    MSR(SGI1R, 2UL << 24 | 1UL << 16 | 1);
    state("to an Aff1 that is not there", 2);
    MSR(SGI1R, 2UL << 24 | 1UL << 32 | 1);
    state("to an Aff2 that is not there", 2);
    MSR(SGI1R, 2UL << 24 | 1UL << 40);
    state("to all but this CPU", 2);
}

u64 attempt(u64 pc, u64 spsr, u64 sp, u64 x0);
extern u64 caught[7];

// With interrupts unmasked the exception is taken by itself.
static void exceptions(void)
{
    print("# exceptions\n");
    u64 wait;
    __asm__ volatile("adr %0, 1f\n b 2f\n1: wfi\n b 1b\n2:" : "=r"(wait));
    send(1);
    attempt(wait, 0x345, 0, 0);
    show("IRQ, vector", caught[0]);
    acknowledge(1);
    end(1);
    set(own + IGROUPR, ~bit(7));
    MSR(SGI0R, 7UL << 24 | 1);
    attempt(wait, 0x385, 0, 0);
    show("FIQ, vector", caught[0]);
    show("ICC_IAR0", MRS(IAR0));
    MSR(EOIR0, 7);
    state("ended", 7);
}

int main(void)
{
    start();
    one();
    two_steps();
    preemption();
    binary_points(0);
    binary_points(1);
    masks();
    shared(1);
    shared(0);
    groups();
    nowhere();
    exceptions();
    power_off();
}
