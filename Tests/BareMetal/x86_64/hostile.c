// A guest that means harm, or is broken: it writes nonsense to every port and model-specific register, to interrupt controllers, timers, PCI
// and virtio devices, sends requests to disk and network, also while a second CPU disturbs, and storms interrupts. What it writes follows
// from a seed, the command line's number. It ends by ACPI power-off when it has come through; the VMM must have been neither crashed nor
// filled up. What would end the run is left out until then: power-off, reset, panic, and interrupts that are INIT or SMI.

#include "hostile.h"

static u32 state;

u32 any(void) { return next_random(&state); }

u32 below(u32 limit) { return any() % limit; }

u32 edge(void)
{
    switch (below(6)) {
    case 0: return 0;
    case 1: return ~0U;
    case 2: return 1U << below(32);
    case 3: return ~(1U << below(32));
    default: return any();
    }
}

// Of RAM only the scratch area: what devices write there does not hit this program.
static u32 harmless_address(void)
{
    return below(8) ? SCRATCH + below(SCRATCH_SIZE) : 0x80000000U | any();
}

// MARK: Exceptions and interrupts

struct frame {
    u32 edi, esi, ebp, esp, ebx, edx, ecx, eax, vector, error, eip, cs, eflags;
};

static volatile u32 faults, interrupts;
// How many of eight interrupts are acknowledged at the local APIC.
static u32 acknowledged = 8;

void end(u32 code)
{
    out8(0xf4, code);
    for (;;) {}
}

void handle(struct frame *frame)
{
    u32 vector = frame->vector;
    if (vector >= 32) {
        interrupts++;
        if ((interrupts & 7) < acknowledged) set32(LOCAL_APIC + 0xb0, 0);
        return;
    }
    // NMI.
    if (vector == 2) return;
    // RDMSR and WRMSR have two bytes.
    u16 code = get16(frame->eip);
    if (vector == 13 && (code == 0x320f || code == 0x300f)) {
        faults++;
        frame->eip += 2;
        return;
    }
    reset_console();
    print("\nexception ");
    print_number(vector);
    print(" at ");
    print_number(frame->eip);
    print("\n");
    end(0x10);
}

static void with_interrupts(u32 steps)
{
    // What an interrupt returns to has interrupts off. KVMs that interpret look for interrupts after an exit only.
    for (u32 step = 0; step < steps; step++) __asm__ volatile("sti\n in $0x80, %%al\n nop\n nop\n cli" : : : "eax", "memory");
}

// MARK: Ports

int ends_the_run(u32 port, u32 width)
{
    u32 last = port + width - 1;
    return (port <= 0x64 && last >= 0x60) || (port <= 0xf4 && last >= 0xf4) || (port <= 0x505 && last >= 0x505)
        || (port <= 0x605 && last >= 0x604) || (port <= 0xcf9 && last >= 0xcf9);
}

static void ports(void)
{
    for (u32 port = 0; port < 0x10000; port++) {
        // Where no device is one width is enough: every width of every port takes minutes on a KVM that interprets.
        u32 first = 0, last = 2;
        if (port >= 0x1000) first = last = below(3);
        for (u32 log = first; log <= last; log++) {
            u32 width = 1 << log;
            int writes = !ends_the_run(port, width);
            switch (width) {
            case 1: in8(port); if (writes) out8(port, edge()); break;
            case 2: in16(port); if (writes) out16(port, edge()); break;
            case 4: in32(port); if (writes) out32(port, edge()); break;
            }
        }
    }
    // What is left of those, as far as it does not end the run.
    for (u32 count = 0; count < 500; count++) {
        u8 command = edge();
        if (command < 0xf0 && command != 0xd1) out8(0x64, command);
        out8(0x60, edge() | 1);
        in8(0x60);
        out16(0x604, edge() & ~0x2000);
        out8(0x605, edge() & ~0x20);
        out8(0xcf9, edge() & ~4);
        out8(0x505, edge() & ~3);
    }
}

static void strings(void)
{
    static const u16 known[] = {
        0x20, 0x21, 0x40, 0x43, 0x70, 0x71, 0x80, 0xa0, 0xe9, 0x220, 0x222, 0x3f8, 0x3fd, 0x4d0, 0x600, 0x608, 0xcf8, 0xcfc, 0xffff,
    };
    for (u32 count = 0; count < 100; count++) {
        u16 port = known[below(sizeof known / sizeof *known)];
        u32 length = below(600), width = 1 << below(3);
        u8 *memory = (u8 *)SCRATCH + below(0x1000);
        if (width == 1) __asm__ volatile("rep insb" : "+D"(memory), "+c"(length) : "d"(port) : "memory");
        if (width == 2) __asm__ volatile("rep insw" : "+D"(memory), "+c"(length) : "d"(port) : "memory");
        if (width == 4) __asm__ volatile("rep insl" : "+D"(memory), "+c"(length) : "d"(port) : "memory");
        if (ends_the_run(port, width)) continue;
        length = below(600);
        if (width == 1) __asm__ volatile("rep outsb" : "+S"(memory), "+c"(length) : "d"(port) : "memory");
        if (width == 2) __asm__ volatile("rep outsw" : "+S"(memory), "+c"(length) : "d"(port) : "memory");
        if (width == 4) __asm__ volatile("rep outsl" : "+S"(memory), "+c"(length) : "d"(port) : "memory");
    }
}

// MARK: Model-specific registers

static u64 read_msr(u32 number)
{
    u32 low = 0, high = 0;
    __asm__ volatile("rdmsr" : "+a"(low), "+d"(high) : "c"(number));
    return (u64)high << 32 | low;
}

static void write_msr(u32 number, u64 value)
{
    __asm__ volatile("wrmsr" : : "a"((u32)value), "d"((u32)(value >> 32)), "c"(number) : "memory");
}

static void model_specific_register(u32 number)
{
    // IA32_APIC_BASE has a turn of its own.
    if (number == 0x1b) return;
    u32 before = faults;
    u64 value = read_msr(number);
    int exists = faults == before;
    // KVM's and Hyper-V's name memory that the host writes to.
    int names_memory = number >> 8 == 0x4b564d || number >> 16 == 0x4000 || number == 0x11 || number == 0x12;
    if (names_memory) {
        write_msr(number, (u64)(below(2) ? 0 : edge()) << 32 | harmless_address());
        write_msr(number, 0);
        return;
    }
    write_msr(number, (u64)edge() << 32 | edge());
    if (exists) write_msr(number, value);
}

static void model_specific_registers(void)
{
    for (u32 number = 0; number < 0x1100; number++) model_specific_register(number);
    for (u32 number = 0; number < 0x120; number++) model_specific_register(0x40000000 + number);
    for (u32 number = 0; number < 0x100; number++) model_specific_register(0x4b564d00 + number);
    for (u32 number = 0; number < 0x200; number++) model_specific_register(0xc0000000 + number);
    for (u32 number = 0; number < 0x400; number++) model_specific_register(0xc0010000 + number);
    for (u32 count = 0; count < 2000; count++) model_specific_register(any());
    // The local APIC moved, off, as x2APIC, and back.
    u64 base = read_msr(0x1b);
    for (u32 count = 0; count < 100; count++) {
        write_msr(0x1b, (u64)(below(4) ? 0 : edge()) << 32 | edge());
        get32(LOCAL_APIC + 0x20);
        write_msr(0x830, (u64)edge() << 32 | (edge() & ~0x700));
    }
    write_msr(0x1b, base & ~0xc00ULL);
    write_msr(0x1b, base);
}

// MARK: Interrupt controllers and timers

static void io_apic(u32 index, u32 value)
{
    set32(IO_APIC, index);
    set32(IO_APIC + 0x10, value);
}

// A redirection entry's low word: any but with a vector that is no exception's, and neither INIT nor SMI. Bits 10:8: 0 fixed, 4 NMI.
static u32 redirection(void) { return (edge() & ~0x3ff) | (below(8) ? 0 : 0x400) | 0x20 | (any() & 0xdf); }

static void mask_all(void)
{
    for (u32 input = 0; input < 24; input++) io_apic(0x10 + 2 * input, 0x10000 | 0x20);
    // Begun again, for a mask that is written in the middle of that is something else.
    for (u32 port = 0x20; port <= 0xa0; port += 0x80) {
        out8(port, 0x11);
        out8(port + 1, 0x20);
        out8(port + 1, port == 0x20 ? 4 : 2);
        out8(port + 1, 1);
        out8(port + 1, 0xff);
    }
}

static void controllers(void)
{
    for (u32 count = 0; count < 3000; count++) {
        switch (below(10)) {
        case 0: io_apic(0x10 + 2 * below(24), redirection()); break;
        case 1: io_apic(0x11 + 2 * below(24), edge()); break;
        case 2: io_apic(below(2) ? below(16) : 0x40 + below(0xc0), edge()); break;
        case 3: set8(IO_APIC, any()); get32(IO_APIC + 0x10); get8(IO_APIC + below(0x1000)); break;
        // The I/O APIC's EOI register, and what is reserved; not its index and data.
        case 4: set32(IO_APIC + 0x20 + below(0x3f8) * 4, edge()); set16(IO_APIC + 0x40 + below(0xf00), edge()); break;
        case 5: out8(below(2) ? 0x20 : 0xa0, edge()); in8(below(2) ? 0x20 : 0xa0); break;
        case 6: out8(below(2) ? 0x21 : 0xa1, edge()); in8(below(2) ? 0x21 : 0xa1); break;
        case 7: out8(0x43, edge()); out8(0x40 + below(3), edge()); in8(0x40 + below(3)); break;
        case 8: out8(0x70, edge()); out8(0x71, edge()); in8(0x71); out8(0x4d0 + below(2), edge()); break;
        case 9: out8(0x61, edge()); out16(0x600 + 2 * below(2), edge()); in32(0x608); break;
        }
    }
    mask_all();
}

static void enable_local_apic(void)
{
    set32(LOCAL_APIC + 0xf0, 0x1ff);
    set32(LOCAL_APIC + 0x80, 0);
}

// Timers as quick as they can be told to be, all at once, and levels that nobody takes away.
static void storm(void)
{
    enable_local_apic();
    // Edge-triggered: 0 and 2 the PIT, 8 the RTC. Level-triggered: 4 COM1, 9 ACPI, 16 to 23 PCI and virtio.
    io_apic(0x11, 0);
    for (u32 input = 0; input < 24; input++) {
        io_apic(0x11 + 2 * input, 0);
        io_apic(0x10 + 2 * input, (input == 4 || input == 9 || input >= 16 ? 0x8000 : 0) | (0x40 + 4 * input));
    }
    out8(0x43, 0x34);
    out8(0x40, below(3));
    out8(0x40, 0);
    out8(0x70, 0x0a);
    out8(0x71, 0x23);
    out8(0x70, 0x0b);
    out8(0x71, 0x72);
    out8(COM1 + 3, 3);
    out8(COM1 + 1, 0x0f);
    out8(COM1 + 4, 0x0b);
    out16(0x602, 0xffff);
    set32(LOCAL_APIC + 0x3e0, 0x0b);
    set32(LOCAL_APIC + 0x320, 0x20000 | 0xe0);
    set32(LOCAL_APIC + 0x380, 1);
    for (acknowledged = 0; acknowledged <= 8; acknowledged += 4) {
        with_interrupts(2000);
        for (u32 count = 0; count < 1000; count++) {
            // To itself, a vector of 0x30 to 0xff.
            set32(LOCAL_APIC + 0x300, 0x44000 | (0x30 + below(0xd0)));
            if (below(4) == 0) with_interrupts(1);
            out8(COM1, 0);
            in8(COM1 + 2);
        }
        with_interrupts(2000);
        for (u32 count = 0; count < 300; count++) set32(LOCAL_APIC + 0xb0, 0);
    }
    // Every register of the local APIC. ICR and the LVT without INIT, SMI and ExtINT.
    for (u32 count = 0; count < 2000; count++) {
        u32 offset = below(0x40) * 16;
        u32 value = edge();
        if (offset == 0x300 || (offset >= 0x2f0 && offset <= 0x370)) value = (value & ~0x7ff) | 0x20 | (any() & 0xdf);
        set32(LOCAL_APIC + offset, value);
        get32(LOCAL_APIC + offset);
        if (below(16) == 0) with_interrupts(4);
    }
    mask_all();
    set32(LOCAL_APIC + 0x320, 0x10000);
    enable_local_apic();
}

// MARK: PCI and virtio

static void configuration(u32 slot, u32 function)
{
    u32 address = 0x80000000 | slot << 11 | function << 8;
    u32 page = ECAM + (slot << 15 | function << 12);
    out32(0xcf8, address);
    if ((u16)in32(0xcfc) == 0xffff) return;
    for (u32 count = 0; count < 300; count++) {
        u32 offset = below(0x100);
        out32(0xcf8, address | (offset & ~3));
        switch (below(6)) {
        case 0: out8(0xcfc + (offset & 3), edge()); break;
        case 1: out16(0xcfc + (offset & 2), edge()); break;
        case 2: out32(0xcfc, edge()); break;
        case 3: set32(page + (below(0x1000) & ~3U), edge()); break;
        case 4: set16(page + below(0xfff), edge()); break;
        case 5: set8(page + below(0x1000), edge()); break;
        }
        get32(page + below(0xffd));
    }
    // The BARs somewhere, mostly where BARs go; memory and ports on.
    for (u32 bar = 0; bar < 6; bar++) {
        out32(0xcf8, address | (0x10 + 4 * bar));
        out32(0xcfc, ~0U);
        in32(0xcfc);
        out32(0xcfc, below(8) ? PCI_WINDOW + (slot << 20) + (bar << 16) : edge());
    }
    set16(page + 4, 7);
}

static void pci(void)
{
    for (u32 round = 0; round < 3; round++) {
        for (u32 slot = 0; slot < 32; slot++) configuration(slot, below(2) ? 0 : below(8));
        for (u32 count = 0; count < 1500; count++) {
            u32 address = PCI_WINDOW + (below(10) << 20) + (below(6) << 16) + below(below(2) ? 0x40 : 0x4000);
            switch (below(6)) {
            case 0: set8(address, edge()); break;
            case 1: set16(address, edge()); break;
            case 2: set32(address, edge()); break;
            default: get32(address); break;
            }
        }
    }
    for (u32 count = 0; count < 500; count++) get32(ECAM + (any() & 0xffffffc));
}

// A descriptor chain, or what looks like none.
void fill(u32 address, u32 size)
{
    for (u32 offset = 0; offset + 16 <= size; offset += 16) {
        set32(address + offset, harmless_address());
        set32(address + offset + 4, below(16) ? 0 : edge());
        set32(address + offset + 8, below(4) ? below(0x2000) : edge());
        set32(address + offset + 12, below(4) ? below(4) | below(16) << 16 : edge());
    }
}

// A virtio device by its window: first by the rules, with queues full of nonsense, then without any rules.
static void virtio(u32 window)
{
    u32 base = VIRTIO_MMIO + 0x200 * window;
    if (get32(base) != 0x74726976 || get32(base + 8) == 0) return;
    for (u32 round = 0; round < 6; round++) {
        set32(base + 0x70, 0);
        set32(base + 0x70, 3);
        for (u32 word = 0; word < 2; word++) {
            set32(base + 0x14, word);
            u32 features = get32(base + 0x10);
            set32(base + 0x24, word);
            // VERSION_1 is bit 32. The ring is split or packed.
            set32(base + 0x20, word ? (features & (below(2) ? ~4U : ~0U)) | 1 : features & (below(2) ? ~0U : any()));
        }
        set32(base + 0x70, 11);
        for (u32 queue = 0; queue < 4; queue++) {
            set32(base + 0x30, queue);
            u32 limit = get32(base + 0x34);
            if (!limit) continue;
            set32(base + 0x38, limit > 16 ? 16 : limit);
            u32 rings = SCRATCH + queue * 0x3000;
            fill(rings, 0x3000);
            // A split ring's available part names chains that are there, mostly.
            set16(rings + 0x1000, 0);
            set16(rings + 0x1002, below(8) ? below(17) : any());
            for (u32 entry = 0; entry < 16; entry++) set16(rings + 0x1004 + 2 * entry, below(64) ? below(16) : any());
            for (u32 part = 0; part < 3; part++) {
                set32(base + 0x80 + 0x10 * part, rings + 0x1000 * part);
                set32(base + 0x84 + 0x10 * part, 0);
            }
            set32(base + 0x44, 1);
        }
        set32(base + 0x70, 15);
        for (u32 count = 0; count < 50; count++) {
            u32 queue = below(4);
            set32(base + 0x50, below(8) ? queue : edge());
            u32 rings = SCRATCH + queue * 0x3000;
            if (below(3) == 0) set16(rings + 0x1002, get16(rings + 0x1002) + below(8));
            if (below(8) == 0) fill(rings + below(16) * 16, 64);
            set32(base + 0x64, get32(base + 0x60));
        }
        for (u32 count = 0; count < 100; count++) {
            u32 offset = below(0x80) * 4;
            // No queue where this program is: addresses' upper halves are ones.
            set32(base + offset, offset >= 0x80 && offset < 0xa8 && offset & 4 ? ~0U : edge());
            get32(base + below(0x1fd));
            get8(base + 0x100 + below(0x100));
        }
    }
    set32(base + 0x70, 0);
}

// MARK: Requests, and a second CPU

// A program that runs undisturbed must get answers, else nothing came to what is behind the devices.
static void alone(void)
{
    struct answers answers = requests();
    print_number(answers.requests);
    print(" requests were answered, ");
    print_number(answers.frames);
    print(" frames came\n");
    if (answers.requests < 50 || !answers.frames) end(0x12);
}

static void together(void)
{
    for (u32 round = 0; round < 2; round++) {
        // Begun again wherever it is.
        start_second_cpu(any());
        requests();
    }
    u32 begun = stop_second_cpu();
    reset_console();
    mask_all();
    enable_local_apic();
    print_number(begun);
    print(" starts of the second CPU\n");
}

static u32 number(const char *text)
{
    u32 value = 0;
    for (; *text; text++) {
        if (*text >= '0' && *text <= '9') value = value * 10 + (*text - '0');
    }
    return value;
}

static void part(const char *name)
{
    reset_console();
    print("\n# ");
    print(name);
    print("\n");
}

int main(u32 *information)
{
    u32 seed = number((const char *)information[4]);
    // Not zero, and far from its neighbours.
    state = (seed + 1) * 0x9e3779b9U | 1;
    enable_local_apic();
    part("ports");
    ports();
    part("strings");
    strings();
    part("model-specific registers");
    model_specific_registers();
    part("interrupt controllers and timers");
    controllers();
    part("requests");
    alone();
    part("requests, two CPUs");
    together();
    part("virtio");
    for (u32 window = 0; window < VIRTIO_WINDOWS; window++) virtio(window);
    part("PCI");
    pci();
    part("storm");
    storm();
    part("end");
    print("faults ");
    print_number(faults);
    print(", interrupts ");
    print_number(interrupts);
    print("\nsurvived\n");
    out16(0x604, 0x3400);
    end(0x11);
}
