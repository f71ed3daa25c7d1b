// LPIs and the interrupt translation service, from a bare CPU: what the architecture fixes, printed.
// Source: Arm IHI 0069.

#include "board.h"

// Where the tables are: RAM that nobody else uses.
#define CONFIGURATIONS 0x44000000UL
#define PENDING 0x44010000UL
#define QUEUE 0x44020000UL
#define DEVICES 0x44040000UL
#define COLLECTIONS 0x44050000UL
#define INTERRUPTS 0x44060000UL
#define PAGES 0x44070000UL

#define VALID (1UL << 63)
#define LPI 8192UL

// Whether IRQ is asserted, which interrupt is the highest pending one, and the running priority.
static void state(const char *name)
{
    print(name);
    print(": irq ");
    print_hex(MRS("isr_el1") >> 7 & 1);
    print(" hppir ");
    print_hex(MRS(HPPIR1));
    print(" rpr ");
    print_hex(MRS(RPR));
    print("\n");
}

static void command(u64 first, u64 second, u64 third, u64 fourth)
{
    u64 offset = get64(ITS + 0x88) & 0xfffe0;
    u64 words[4] = { first, second, third, fourth };
    for (int index = 0; index < 4; index++) set64(QUEUE + offset + 8 * index, words[index]);
    offset = (offset + 32) % 0x1000;
    set64(ITS + 0x88, offset);
    for (int tries = 0; get64(ITS + 0x90) != offset; tries++) {
        if (tries < 1000000) continue;
        show("command does not end", first);
        show(" CREADR", get64(ITS + 0x90));
        return;
    }
}

static void mapd(u64 device, u64 bits, u64 valid) { command(device << 32 | 8, bits - 1, valid | (INTERRUPTS + device * 0x1000), 0); }
static void mapc(u64 collection, u64 target, u64 valid) { command(9, 0, valid | target << 16 | collection, 0); }
static void mapti(u64 device, u64 event, u64 intid, u64 collection) { command(device << 32 | 10, intid << 32 | event, collection, 0); }
static void mapi(u64 device, u64 event, u64 collection) { command(device << 32 | 11, event, collection, 0); }
static void movi(u64 device, u64 event, u64 collection) { command(device << 32 | 1, event, collection, 0); }
static void inject(u64 device, u64 event) { command(device << 32 | 3, event, 0, 0); }
static void clear(u64 device, u64 event) { command(device << 32 | 4, event, 0, 0); }
static void inv(u64 device, u64 event) { command(device << 32 | 12, event, 0, 0); }
static void invall(u64 collection) { command(13, 0, collection, 0); }
static void discard(u64 device, u64 event) { command(device << 32 | 15, event, 0, 0); }
static void sync(void) { command(5, 0, 0, 0); }

static void acknowledge(void)
{
    u64 intid = MRS(IAR1);
    show(" acknowledged", intid);
    state(" active");
    if (intid != SPURIOUS) MSR(EOIR1, intid);
    state(" ended");
}

static void registers(void)
{
    print("# registers\n");
    show("GICD_TYPER.LPIS", get(GICD + 4) >> 17 & 1);
    show("GICD_TYPER.IDbits at least 13", (get(GICD + 4) >> 19 & 31) >= 13);
    show("GICR_TYPER.PLPIS", get64(GICR + 8) & 1);
    show("GICR_CTLR.EnableLPIs", get(GICR) & 1);
    show("GITS_CTLR", get(ITS));
    show("GITS_TYPER, Physical", get64(ITS + 8) & 1);
    show("GITS_PIDR2.ArchRev", get(ITS + 0xffe8) >> 4 & 15);
    show("GITS_BASER0, Type", get64(ITS + 0x100) >> 56 & 7);
    show("GITS_BASER1, Type", get64(ITS + 0x108) >> 56 & 7);
    show("GITS_CREADR", get64(ITS + 0x90));
    set64(GICR + 0x70, ~0UL);
    show("GICR_PROPBASER, fields that are fixed", get64(GICR + 0x70) & 0x000ffffffffff01fUL);
    set64(GICR + 0x78, ~0UL);
    show("GICR_PENDBASER, fields that are fixed", get64(GICR + 0x78) & 0x400fffffffff0000UL);
    set64(ITS + 0x80, ~0UL);
    show("GITS_CBASER", get64(ITS + 0x80) & 0x800ffffffffff0ffUL);
    set64(ITS + 0x80, 0);
    set64(ITS + 0x100, ~0UL);
    show("GITS_BASER0", get64(ITS + 0x100) & 0xc700fffffffff0ffUL);
    set64(ITS + 0x100, 0);
    for (u64 size = 0; size < 3; size++) {
        set64(ITS + 0x100, size << 8);
        show("GITS_BASER0, Page_Size", get64(ITS + 0x100) >> 8 & 3);
    }
}

static void start(void)
{
    set(GICD, 0x12);
    set(GICR + 0x14, 0);
    while (get(GICR + 0x14) & 4) {}
    MSR(SRE, 7);
    MSR(PMR, 0xff);
    MSR(IGRPEN1, 1);
    for (u64 lpi = 0; lpi < 64; lpi++) set_byte(CONFIGURATIONS + lpi, 0xa1);
    set64(GICR + 0x70, CONFIGURATIONS | 13);
    set64(GICR + 0x78, PENDING | 1UL << 62);
    set(GICR, 1);
    show("GICR_CTLR.EnableLPIs", get(GICR) & 1);
    set64(ITS + 0x100, VALID | DEVICES);
    set64(ITS + 0x108, VALID | COLLECTIONS);
    set64(ITS + 0x80, VALID | QUEUE);
    set(ITS, 1);
    show("GITS_CTLR.Enabled", get(ITS) & 1);
}

static void commands(void)
{
    print("# commands\n");
    mapd(1, 5, VALID);
    mapc(0, 0, VALID);
    mapc(1, 0, VALID);
    for (u64 event = 0; event < 4; event++) mapti(1, event, LPI + event, 0);
    sync();
    inject(1, 2);
    state("INT");
    acknowledge();
    inject(1, 3);
    inject(1, 0);
    state("two pending");
    acknowledge();
    acknowledge();
    acknowledge();
    inject(1, 1);
    clear(1, 1);
    state("CLEAR");
    inject(1, 1);
    movi(1, 1, 1);
    state("MOVI to the same CPU");
    acknowledge();
    inject(1, 1);
    state("INT after MOVI");
    discard(1, 1);
    state("DISCARD");
    inject(1, 1);
    state("INT of what is discarded");
    mapd(2, 14, VALID);
    mapi(2, LPI + 9, 0);
    inject(2, LPI + 9);
    state("MAPI");
    acknowledge();
    mapti(1, 5, 16383, 1);
    inject(1, 5);
    state("the last INTID of 14 bits");
    acknowledge();
    // Around the queue.
    for (int count = 0; count < 100; count++) {
        inject(1, 0);
        clear(1, 0);
    }
    state("around the queue");
}

static void wrong(void)
{
    print("# wrong commands\n");
    inject(1, 9);
    inject(1, 32);
    inject(3, 0);
    inject(0xffff, 0);
    mapti(1, 0, 0, 0);
    mapti(1, 0, LPI - 1, 0);
    mapti(1, 40, LPI, 0);
    mapti(7, 0, LPI, 0);
    mapc(0, 123, VALID);
    discard(1, 9);
    state("nothing");
    inject(1, 0);
    state("the mapping is what it was");
    acknowledge();
    mapc(0, 0, 0);
    inject(1, 0);
    state("collection not mapped");
    mapc(0, 0, VALID);
    mapd(1, 5, 0);
    inject(1, 0);
    state("device not mapped");
    mapd(1, 5, VALID);
}

static void configurations(void)
{
    print("# configurations\n");
    set_byte(CONFIGURATIONS, 0xa0);
    inv(1, 0);
    inject(1, 0);
    state("disabled");
    set_byte(CONFIGURATIONS, 0xa1);
    inv(1, 0);
    state("enabled, INV");
    acknowledge();
    set_byte(CONFIGURATIONS, 0xb1);
    set_byte(CONFIGURATIONS + 2, 0x91);
    invall(0);
    inject(1, 0);
    inject(1, 3);
    inject(1, 2);
    state("three priorities");
    acknowledge();
    acknowledge();
    acknowledge();
    set_byte(CONFIGURATIONS, 0xa1);
    set_byte(CONFIGURATIONS + 2, 0xa1);
    invall(0);

    inject(1, 2);
    MRS(IAR1);
    inject(1, 2);
    state("pending again while it is handled");
    set_byte(CONFIGURATIONS + 3, 0x81);
    inv(1, 3);
    inject(1, 3);
    state("one that preempts");
    show(" acknowledged", MRS(IAR1));
    state(" nested");
    MSR(EOIR1, LPI + 3);
    state(" nested one ended");
    MSR(EOIR1, LPI + 2);
    state(" outer one ended");
    acknowledge();

    MSR(CTLR, 2);
    inject(1, 2);
    show("EOImode 1: acknowledged", MRS(IAR1));
    MSR(EOIR1, LPI + 2);
    inject(1, 2);
    state(" pending again without DIR");
    show(" acknowledged", MRS(IAR1));
    MSR(EOIR1, LPI + 2);
    MSR(DIR, LPI + 2);
    state(" DIR");
    MSR(CTLR, 0);

    MSR(PMR, 0xa0);
    inject(1, 2);
    state("masked by PMR");
    MSR(PMR, 0xff);
    state("unmasked");
    MSR(IGRPEN1, 0);
    state("group off");
    MSR(IGRPEN1, 1);
    acknowledge();
}

static void indirect(void)
{
    print("# indirect table\n");
    set(ITS, 0);
    set64(ITS + 0x100, VALID | 1UL << 62 | PAGES);
    set(ITS, 1);
    // Device 4 with pages of 4 KiB: entry 0 of the first level, and not there yet.
    mapd(4, 5, VALID);
    mapti(4, 0, LPI + 20, 1);
    inject(4, 0);
    state("no page");
    set64(PAGES, VALID | (PAGES + 0x1000));
    mapd(4, 5, VALID);
    mapti(4, 0, LPI + 20, 1);
    inject(4, 0);
    state("page");
    acknowledge();
    set(ITS, 0);
    show("GITS_CTLR", get(ITS));
}

int main(void)
{
    registers();
    start();
    commands();
    wrong();
    configurations();
    indirect();
    power_off();
}
