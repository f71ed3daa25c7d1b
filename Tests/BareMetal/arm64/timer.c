// EL1's physical and virtual timers from a bare CPU: control, compare value and timer value, and their interrupts at the GICv3. What depends
// on how quick a machine is is printed as a comparison that holds on each.
// Source: Arm DDI 0487, chapter D12.

#include "board.h"

static const u64 own = GICR + SGI_BASE;
// A count that is never reached. Where the timer is on, none is above it: QEMU 7 loops for ever when that and CNTVOFF_EL2 pass 2^64.
#define NEVER (1UL << 63)
#define HOUR (3600 * MRS("cntfrq_el0"))

// The same for each of the two timers. CTL: 1 ENABLE, 2 IMASK, 4 ISTATUS.
#define TIMER(name, letter, count, ppi)                                                                                \
    static u64 name##_count(void) { return MRS(count); }                                                               \
    static u64 name##_ctl(void) { return MRS("cnt" letter "_ctl_el0"); }                                               \
    static u64 name##_cval(void) { return MRS("cnt" letter "_cval_el0"); }                                             \
    static u64 name##_tval(void) { return MRS("cnt" letter "_tval_el0"); }                                             \
    static void name##_set_ctl(u64 value) { MSR("cnt" letter "_ctl_el0", value); }                                     \
    static void name##_set_cval(u64 value) { MSR("cnt" letter "_cval_el0", value); }                                   \
    static void name##_set_tval(u64 value) { MSR("cnt" letter "_tval_el0", value); }                                   \
    enum { name##_ppi = ppi };

TIMER(virtual, "v", "cntvct_el0", 27)
TIMER(physical, "p", "cntpct_el0", 30)

// Which timer the functions below are about.
static int is_physical;
static u64 count(void) { return is_physical ? physical_count() : virtual_count(); }
static u64 ctl(void) { return is_physical ? physical_ctl() : virtual_ctl(); }
static u64 cval(void) { return is_physical ? physical_cval() : virtual_cval(); }
static u64 tval(void) { return is_physical ? physical_tval() : virtual_tval(); }
static void set_ctl(u64 value) { is_physical ? physical_set_ctl(value) : virtual_set_ctl(value); }
static void set_cval(u64 value) { is_physical ? physical_set_cval(value) : virtual_set_cval(value); }
static void set_tval(u64 value) { is_physical ? physical_set_tval(value) : virtual_set_tval(value); }
static u32 ppi(void) { return is_physical ? physical_ppi : virtual_ppi; }

static void field(const char *name, u64 value)
{
    print(" ");
    print(name);
    print("=");
    print_hex(value);
}

static void state(const char *name)
{
    print(name);
    print(":");
    field("ctl", ctl());
    // The look at the controller comes first: after it a CPU on KVM has been told of all that is pending.
    field("pending", get(own + ISPENDR) >> ppi() & 1);
    field("active", get(own + ISACTIVER) >> ppi() & 1);
    field("irq", MRS("isr_el1") >> 7 & 1);
    field("hppir", MRS(HPPIR1));
    print("\n");
}

static void registers(void)
{
    set_cval(NEVER);
    set_ctl(~0UL);
    show("CTL, ones", ctl());
    set_ctl(2);
    // ISTATUS is not known while the timer is off.
    show("CTL, disabled", ctl() & ~4UL);
    set_ctl(0);
    show("CTL, zeros", ctl() & ~4UL);
    set_cval(0x0123456789abcdef);
    show("CVAL", cval());
    set_cval(~0UL);
    show("CVAL, ones", cval());

    u64 before = count();
    set_tval(0x10000);
    u64 after = count();
    show("TVAL 0x10000: CVAL is that far from the count", cval() - (before + 0x10000) <= after - before);
    set_tval(0x7fffffff);
    show("TVAL, the largest: its upper half", tval() >> 32);
    show("TVAL, the largest: CVAL is ahead", cval() > count());
    u64 first = tval();
    show("TVAL goes down", (u32)(first - tval()) < 0x10000000);
    before = count();
    set_tval(0xffffffff);
    after = count();
    show("TVAL -1: CVAL is one behind the count", cval() - (before - 1) <= after - before);
    show("TVAL -1: reads as negative", tval() >> 31);
    before = count();
    set_tval(0x80000000);
    after = count();
    show("TVAL, the most negative: CVAL is 2^31 behind the count", cval() - (before - 0x80000000) <= after - before);
    before = count();
    set_tval(0xabcd000000000000);
    after = count();
    show("TVAL, the upper half is ignored", cval() - before <= after - before);
    set_cval(count() + (5UL << 32));
    first = tval();
    show("TVAL is the low half of what is left", (u32)(first - (u32)(cval() - count())) < 0x10000000);
}

static void conditions(void)
{
    set_cval(0);
    set_ctl(1);
    state("CVAL 0");
    set_ctl(3);
    state("masked");
    set_ctl(1);
    state("not masked");
    set_ctl(0);
    show("disabled: pending", get(own + ISPENDR) >> ppi() & 1);
    set_ctl(1);
    set_cval(count() + HOUR);
    state("in an hour");
    set_ctl(5);
    state("in an hour, ISTATUS written");
    set_cval(count());
    state("now");
    // Unsigned, 64 bits: what is far behind is far ahead where the count would wrap.
    set_cval(NEVER);
    state("2^63");
    set_tval(0xffffffff);
    state("TVAL -1");
    set_tval(0x7fffffff);
    state("TVAL, the largest");
    set_tval(0);
    state("TVAL 0");
    set_ctl(0);
}

// The wire is level-sensitive: what is acknowledged is pending again as long as the condition holds.
static void interrupts(void)
{
    set_cval(0);
    set_ctl(1);
    show("acknowledged", MRS(IAR1));
    state(" then");
    MSR(EOIR1, ppi());
    state(" ended");
    show("acknowledged", MRS(IAR1));
    set_ctl(3);
    state(" masked");
    MSR(EOIR1, ppi());
    state(" ended");
    set_ctl(1);
    show("acknowledged", MRS(IAR1));
    set_cval(NEVER);
    state(" in a long time");
    MSR(EOIR1, ppi());
    state(" ended");
    show("acknowledged", MRS(IAR1));
    set_cval(0);
    set(own + ICENABLER, 1U << ppi());
    state("disabled at the GIC");
    set(own + ISENABLER, 1U << ppi());
    state("enabled");
    // Clearing has no effect on a level that is there.
    set(own + ICPENDR, 1U << ppi());
    state("by ICPENDR");
    set_ctl(0);
    show("off: pending", get(own + ISPENDR) >> ppi() & 1);
}

u64 attempt(u64 pc, u64 spsr, u64 sp, u64 x0);
extern u64 caught[7];

static void deadlines(void)
{
    u64 limit = count() + HOUR;
    set_tval(1000);
    set_ctl(1);
    while (!(ctl() & 4) && count() < limit) {}
    state("a deadline that was polled for");
    set_ctl(3);
    set_tval(MRS("cntfrq_el0") / 1000);
    set_ctl(1);
    // The interrupt ends WFI though PSTATE masks it.
    while (!(MRS("isr_el1") >> 7 & 1)) __asm__ volatile("wfi");
    state("a deadline that was waited for");
    show(" the count is at it", count() >= cval());
    set_ctl(3);
    state("masked");
    u64 wait;
    __asm__ volatile("adr %0, 1f\n b 2f\n1: wfi\n b 1b\n2:" : "=r"(wait));
    set_tval(MRS("cntfrq_el0") / 1000);
    set_ctl(1);
    attempt(wait, 0x345, 0, 0);
    show("IRQ, vector", caught[0]);
    show("acknowledged", MRS(IAR1));
    set_ctl(0);
    MSR(EOIR1, ppi());
    state("ended");
}

int main(void)
{
    set(GICD, 0x12);
    set(GICR + 0x14, 0);
    while (get(GICR + 0x14) & 4) {}
    set(own + IGROUPR, ~0U);
    MSR(SRE, 7);
    MSR(PMR, 0xff);
    MSR(IGRPEN1, 1);
    show("CNTFRQ_EL0 is there", MRS("cntfrq_el0") != 0);
    for (is_physical = 0; is_physical < 2; is_physical++) {
        print(is_physical ? "# CNTP\n" : "# CNTV\n");
        u64 first = count();
        show("the count goes up", count() - first < HOUR);
        set(own + ISENABLER, 1U << ppi());
        registers();
        conditions();
        interrupts();
        deadlines();
    }
    // Both at once.
    virtual_set_cval(0);
    physical_set_cval(0);
    virtual_set_ctl(1);
    physical_set_ctl(1);
    show("both pending", get(own + ISPENDR) & 0x48000000);
    u64 first = MRS(IAR1);
    MSR(EOIR1, first);
    if (first == virtual_ppi) virtual_set_ctl(0);
    else physical_set_ctl(0);
    show("one, then the other", (first ^ MRS(IAR1)) == (virtual_ppi ^ physical_ppi));
    power_off();
}
