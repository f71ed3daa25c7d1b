// What the parts of the hostile program share.

#include "board.h"

// RAM that nobody needs: what devices are told to write to.
#define SCRATCH 0x1000000U
#define SCRATCH_SIZE 0x100000U
#define IO_APIC 0xfec00000U
#define LOCAL_APIC 0xfee00000U
#define ECAM 0xe0000000U
#define PCI_WINDOW 0xc0000000U
#define VIRTIO_MMIO 0xfeb00000U
#define VIRTIO_WINDOWS 32U

static inline u32 next_random(u32 *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

// The first CPU's numbers.
u32 any(void);
u32 below(u32 limit);
// Numbers at the edges are more likely than among all.
u32 edge(void);

// Whether a write to the port can end the run: i8042, debug exit, pvpanic, ACPI PM1 control, reset control.
int ends_the_run(u32 port, u32 width);

// Descriptors that lead anywhere, or nowhere, written to the scratch area.
void fill(u32 address, u32 size);

// Drives each virtio device by the rules, with requests that come to what is behind it, good and bad ones mixed. Returns how many were answered, and how many frames came.
struct answers {
    u32 requests, frames;
};
struct answers requests(void);

// Begins, or begins again, what the second CPU does: nonsense for the same devices.
void start_second_cpu(u32 seed);
// Returns how often it began.
u32 stop_second_cpu(void);

__attribute__((noreturn)) void end(u32 code);
