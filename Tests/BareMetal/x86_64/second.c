// The second CPU: nonsense for the devices that the first one is at work with. It has no interrupts, and can be begun again anywhere.

#include "hostile.h"

// Its start, copied to a page of which the start-up message names the number.
#define START 0x8000U
extern const u8 second_start[], second_start_end[];

static volatile u32 second_seed, begun, wanted, rests;

static void one_access(u32 *state)
{
    u32 value = next_random(state), kind = next_random(state) % 8;
    u32 window = VIRTIO_MMIO + 0x200 * (next_random(state) % 12), offset = next_random(state) % 0x80 * 4;
    u32 port = next_random(state) % 0x700;
    switch (kind) {
    // No queue is moved: devices would write where this program is.
    case 0: if (offset < 0x80 || offset >= 0xa8) set32(window + offset, value); break;
    case 1: get32(window + offset); break;
    case 2: set32(window + 0x50, value % 4); break;
    case 3: get32(PCI_WINDOW + value % 0x1000000 / 4 * 4); break;
    case 4: get32(ECAM + (value & 0xffff00) + offset % 0x100); break;
    case 5: if (!ends_the_run(port, 1)) out8(port, value); break;
    case 6: in32(port); break;
    // To the first CPU, a vector of 0x30 to 0xff.
    case 7: set32(LOCAL_APIC + 0x310, 0); set32(LOCAL_APIC + 0x300, 0x4000 | (0x30 + value % 0xd0)); break;
    }
}

void second(void)
{
    begun++;
    u32 state = second_seed | 1;
    while (wanted) one_access(&state);
    rests = 1;
}

// INIT, then the start-up message twice, to the CPU whose APIC identifier is 1. Source: Intel SDM vol. 3A §9.4.4.1.
void start_second_cpu(u32 seed)
{
    for (u32 at = 0; second_start + at < second_start_end; at++) set8(START + at, second_start[at]);
    second_seed = seed;
    rests = 0;
    wanted = 1;
    u32 before = begun;
    static const u32 messages[] = { 0x4500, 0x4600 | START >> 12, 0x4600 | START >> 12 };
    for (u32 message = 0; message < 3; message++) {
        set32(LOCAL_APIC + 0x310, 1U << 24);
        set32(LOCAL_APIC + 0x300, messages[message]);
        in8(0x80);
    }
    for (u32 tries = 0; begun == before; tries++) {
        if (tries == 1000000) {
            reset_console();
            print("\nthe second CPU does not start\n");
            end(0x13);
        }
        in8(0x80);
    }
}

u32 stop_second_cpu(void)
{
    wanted = 0;
    for (u32 tries = 0; !rests && tries < 1000000; tries++) in8(0x80);
    return begun;
}
