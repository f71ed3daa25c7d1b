// Two CPUs: PSCI brings the second one, which then does what the first asks of it; SGIs and SPIs from one to the other.
// Source: Arm IHI 0069, chapters 3 and 4; Arm DEN 0022, chapter 5.

#include "board.h"

// An SPI that no device has a wire to.
#define SPI 130

#define PSCI_VERSION 0x84000000
#define PSCI_CPU_OFF 0x84000002
#define PSCI_CPU_ON 0xc4000003
#define PSCI_AFFINITY_INFO 0xc4000004
#define PSCI_MIGRATE_INFO_TYPE 0x84000006
#define PSCI_FEATURES 0x8400000a

extern char another_cpu[];
static char stack[8192] __attribute__((aligned(16)));

// The second CPU waits for a request, and answers it.
enum request { NOTHING, START, STATE, ACKNOWLEDGE, END, DEACTIVATE, SEND, OFF };
static volatile u64 request, argument, answer;

// What a CPU says of its signals: IRQ in bit 16, ICC_HPPIR1 below. A look at the GIC's memory comes first: after it a CPU on KVM has been
// told of all that is pending.
static u64 signals(void)
{
    get(GICR + 0x14);
    return (MRS("isr_el1") >> 7 & 1) << 16 | MRS(HPPIR1);
}

static void start(u64 frame)
{
    set(frame + 0x14, 0);
    while (get(frame + 0x14) & 4) {}
    set(frame + SGI_BASE + IGROUPR, ~0U);
    set(frame + SGI_BASE + ISENABLER, 0xffff);
    for (u64 sgi = 0; sgi < 16; sgi++) set_byte(frame + SGI_BASE + IPRIORITYR + sgi, 0xa0);
    MSR(SRE, 7);
    MSR(PMR, 0xff);
    MSR(IGRPEN1, 1);
}

void work(void)
{
    for (;;) {
        while (request == NOTHING) __asm__ volatile("wfe");
        u64 value = 0;
        switch (request) {
        case START: start(GICR + GICR_STRIDE); value = MRS("mpidr_el1"); break;
        case STATE: value = signals(); break;
        case ACKNOWLEDGE: value = MRS(IAR1); break;
        case END: MSR(EOIR1, argument); break;
        case DEACTIVATE: MSR(DIR, argument); break;
        case SEND: MSR(SGI1R, argument); break;
        case OFF:
            request = NOTHING;
            __asm__ volatile("dsb sy\n sev");
            psci(PSCI_CPU_OFF, 0, 0, 0);
        }
        answer = value;
        request = NOTHING;
        __asm__ volatile("dsb sy\n sev");
    }
}

static u64 ask(enum request what, u64 value)
{
    argument = value;
    __asm__ volatile("dsb sy");
    request = what;
    __asm__ volatile("dsb sy\n sev");
    while (request != NOTHING) __asm__ volatile("wfe");
    return answer;
}

// CPU 1 is asked first: what goes from it to CPU 0 is there when it has answered.
static void state(const char *name)
{
    print(name);
    show(", CPU 1", ask(STATE, 0));
    print(name);
    show(", CPU 0", signals());
}

static u64 affinity(u64 mpidr, u64 level) { return (u32)psci(PSCI_AFFINITY_INFO, mpidr, level, 0); }

static u64 turn_on(u64 mpidr)
{
    return (u32)psci(PSCI_CPU_ON, mpidr, (u64)another_cpu, (u64)stack + sizeof stack);
}

static void power(void)
{
    print("# PSCI\n");
    show("PSCI_VERSION is 0.2 or later", (u32)psci(PSCI_VERSION, 0, 0, 0) >= 2);
    show("MIGRATE_INFO_TYPE", (u32)psci(PSCI_MIGRATE_INFO_TYPE, 0, 0, 0));
    show("PSCI_FEATURES, CPU_ON", (u32)psci(PSCI_FEATURES, PSCI_CPU_ON, 0, 0));
    show("PSCI_FEATURES, nonsense", (u32)psci(PSCI_FEATURES, 0x840000ff, 0, 0));
    show("a function that is not there", (u32)psci(0x840000ff, 0, 0, 0));
    show("AFFINITY_INFO, CPU 0", affinity(0, 0));
    show("AFFINITY_INFO, CPU 1", affinity(1, 0));
    show("AFFINITY_INFO, a CPU that is not there", affinity(2, 0));
    show("CPU_ON, a CPU that is not there", turn_on(2));
    show("CPU_ON, itself", turn_on(0));
    show("CPU_ON", turn_on(1));
    show("MPIDR_EL1, CPU 0", MRS("mpidr_el1") & 0xff00ffffffUL);
    show("MPIDR_EL1, CPU 1", ask(START, 0) & 0xff00ffffffUL);
    show("AFFINITY_INFO, CPU 1", affinity(1, 0));
    show("CPU_ON, again", turn_on(1));
}

static void redistributors(void)
{
    print("# redistributors\n");
    for (u64 cpu = 0; cpu < 2; cpu++) {
        u64 typer = get64(GICR + GICR_STRIDE * cpu + 8);
        show("GICR_TYPER, Affinity_Value", typer >> 32);
        show("GICR_TYPER.Processor_Number", typer >> 8 & 0xffff);
        show("GICR_TYPER.Last", typer >> 4 & 1);
    }
    u64 priority = GICR + SGI_BASE + IPRIORITYR;
    set_byte(priority + GICR_STRIDE + 9, 0x40);
    show("a priority of CPU 0's", get_byte(priority + 9));
    show("a priority of CPU 1's", get_byte(priority + GICR_STRIDE + 9));
    set_byte(priority + GICR_STRIDE + 9, 0xa0);
}

static void acknowledge(u64 cpu, u64 end)
{
    u64 intid = cpu ? ask(ACKNOWLEDGE, 0) : MRS(IAR1);
    show(cpu ? " acknowledged by CPU 1" : " acknowledged by CPU 0", intid);
    if (intid == SPURIOUS || !end) return;
    if (cpu) ask(END, intid);
    else MSR(EOIR1, intid);
}

static void sgis(void)
{
    print("# SGIs\n");
    MSR(SGI1R, 3UL << 24 | 2);
    state("to CPU 1");
    acknowledge(0, 1);
    acknowledge(1, 1);
    state("ended");
    ask(SEND, 4UL << 24 | 1);
    state("from CPU 1 to CPU 0");
    acknowledge(0, 1);
    MSR(SGI1R, 5UL << 24 | 3);
    state("to both");
    acknowledge(0, 1);
    state("one has it still");
    acknowledge(1, 1);
    MSR(SGI1R, 6UL << 24 | 1UL << 40);
    state("to all but the sender");
    acknowledge(1, 1);
    ask(SEND, 6UL << 24 | 1UL << 40);
    state("to all but the sender, CPU 1");
    acknowledge(0, 1);
    MSR(SGI1R, 7UL << 24 | 0xfffc);
    state("to CPUs that are not there");
    MSR(SGI1R, 7UL << 24 | 0xffff);
    state("to these and those");
    acknowledge(0, 1);
    acknowledge(1, 1);
    set(GICR + GICR_STRIDE + SGI_BASE + ISPENDR, 1 << 8);
    state("by ISPENDR of the other CPU");
    set(GICR + GICR_STRIDE + SGI_BASE + ICPENDR, 1 << 8);
    state("by ICPENDR of the other CPU");
    set(GICR + GICR_STRIDE + SGI_BASE + ICENABLER, 1 << 8);
    MSR(SGI1R, 8UL << 24 | 3);
    state("disabled at CPU 1");
    acknowledge(0, 1);
    set(GICR + GICR_STRIDE + SGI_BASE + ISENABLER, 1 << 8);
    state("enabled");
    acknowledge(1, 1);
    // One CPU's active SGI is not the other's.
    MSR(SGI1R, 9UL << 24 | 2);
    acknowledge(1, 0);
    MSR(SGI1R, 9UL << 24 | 3);
    state("active at CPU 1");
    acknowledge(0, 1);
    ask(END, 9);
    state("ended at CPU 1");
    acknowledge(1, 1);
}

static void spis(void)
{
    print("# SPIs\n");
    u64 router = GICD + IROUTER + 8 * SPI, row = GICD + SPI / 32 * 4;
    u32 bit = 1U << SPI % 32;
    set(row + IGROUPR, bit);
    set_byte(GICD + IPRIORITYR + SPI, 0xa0);
    set(GICD + ICFGR + SPI / 16 * 4, 2U << SPI % 16 * 2);
    set(row + ISENABLER, bit);
    set64(router, 1);
    show("GICD_IROUTER", get64(router));
    set(row + ISPENDR, bit);
    state("to CPU 1");
    acknowledge(0, 1);
    acknowledge(1, 1);
    set(row + ISPENDR, bit);
    set64(router, 0);
    state("sent on to CPU 0");
    acknowledge(1, 1);
    acknowledge(0, 0);
    set(row + ISPENDR, bit);
    set64(router, 1);
    state("pending again while active, then sent on to CPU 1");
    MSR(EOIR1, SPI);
    state("ended at CPU 0");
    acknowledge(1, 1);
    // Any CPU may deactivate.
    MSR(CTLR, 2);
    set64(router, 0);
    set(row + ISPENDR, bit);
    state("EOImode 1");
    acknowledge(0, 1);
    show("active", get(row + ISACTIVER));
    set(row + ISPENDR, bit);
    state("EOImode 1, pending again");
    acknowledge(1, 1);
    MSR(DIR, SPI);
    state("deactivated");
    acknowledge(0, 1);
    MSR(DIR, SPI);
    MSR(CTLR, 0);
    set64(router, 1UL << 31);
    set(row + ISPENDR, bit);
    u64 both = (signals() >> 16) + (ask(STATE, 0) >> 16);
    show("to any one: some CPU is told", both >= 1);
    u64 first = MRS(IAR1), second = ask(ACKNOWLEDGE, 0);
    show("to any one: one has it", (first == SPI) + (second == SPI));
    if (first == SPI) MSR(EOIR1, SPI);
    else ask(END, SPI);
    state("ended");
}

static void off_and_on(void)
{
    print("# off and on\n");
    ask(OFF, 0);
    for (u64 tries = 0; affinity(1, 0) != 1 && tries < 1000000; tries++) {}
    show("AFFINITY_INFO, CPU 1", affinity(1, 0));
    MSR(SGI1R, 3UL << 24 | 2);
    show("CPU_ON", turn_on(1));
    show("MPIDR_EL1, CPU 1", ask(START, 0) & 0xff00ffffffUL);
    state("an SGI that was sent meanwhile");
    acknowledge(1, 1);
    state("ended");
}

int main(void)
{
    set(GICD, 0x12);
    start(GICR);
    power();
    redistributors();
    sgis();
    spis();
    off_and_on();
    power_off();
}
