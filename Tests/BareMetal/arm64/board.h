// Programs that need no debugger: QEMU's `virt` machine, as swvmm has it, too, on KVM and on the software CPU. They print to the PL011 and
// end by PSCI. The MMU is off, so that all accesses are in order.
// Source: Arm IHI 0069; Arm DDI 0487; Arm DEN 0022.

#include "guest.h"

#define UART 0x09000000UL
#define GICD 0x08000000UL
#define ITS 0x08080000UL
#define GICR 0x080a0000UL
#define GICR_STRIDE 0x20000UL
#define SGI_BASE 0x10000UL

#define SPURIOUS 1023

#define MSR(name, value) __asm__ volatile("msr " name ", %0\n isb" : : "r"((u64)(value)))
#define MRS(name) ({ u64 value_; __asm__ volatile("isb\n mrs %0, " name : "=r"(value_)); value_; })
#define PMR "S3_0_C4_C6_0"
#define IAR0 "S3_0_C12_C8_0"
#define EOIR0 "S3_0_C12_C8_1"
#define HPPIR0 "S3_0_C12_C8_2"
#define BPR0 "S3_0_C12_C8_3"
#define AP0R0 "S3_0_C12_C8_4"
#define AP1R0 "S3_0_C12_C9_0"
#define DIR "S3_0_C12_C11_1"
#define RPR "S3_0_C12_C11_3"
#define SGI1R "S3_0_C12_C11_5"
#define SGI0R "S3_0_C12_C11_7"
#define IAR1 "S3_0_C12_C12_0"
#define EOIR1 "S3_0_C12_C12_1"
#define HPPIR1 "S3_0_C12_C12_2"
#define BPR1 "S3_0_C12_C12_3"
#define CTLR "S3_0_C12_C12_4"
#define SRE "S3_0_C12_C12_5"
#define IGRPEN0 "S3_0_C12_C12_6"
#define IGRPEN1 "S3_0_C12_C12_7"

// Registers that are there once a row of 32 interrupts, in the distributor and in SGI_base.
#define IGROUPR 0x80
#define ISENABLER 0x100
#define ICENABLER 0x180
#define ISPENDR 0x200
#define ICPENDR 0x280
#define ISACTIVER 0x300
#define ICACTIVER 0x380
#define IPRIORITYR 0x400
#define ITARGETSR 0x800
#define ICFGR 0xc00
#define IGRPMODR 0xd00
#define NSACR 0xe00
#define IROUTER 0x6000

// One load or store, without writeback: KVM cannot follow others to a device.
static inline u32 get(u64 address) { u32 value; __asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory"); return value; }
static inline void set(u64 address, u32 value) { __asm__ volatile("str %w0, [%1]" : : "r"(value), "r"(address) : "memory"); }
static inline u64 get64(u64 address) { u64 value; __asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(address) : "memory"); return value; }
static inline void set64(u64 address, u64 value) { __asm__ volatile("str %0, [%1]" : : "r"(value), "r"(address) : "memory"); }
static inline u32 get_byte(u64 address) { u32 value; __asm__ volatile("ldrb %w0, [%1]" : "=r"(value) : "r"(address) : "memory"); return value; }
static inline void set_byte(u64 address, u32 value) { __asm__ volatile("strb %w0, [%1]" : : "r"(value), "r"(address) : "memory"); }

static inline void print(const char *text)
{
    // UARTFR.TXFF is never one there.
    for (; *text; text++) set(UART, *text);
}

static inline void show(const char *name, u64 value)
{
    print(name);
    print("=");
    print_hex(value);
    print("\n");
}

static inline u64 psci(u64 function, u64 first, u64 second, u64 third)
{
    register u64 x0 __asm__("x0") = function;
    register u64 x1 __asm__("x1") = first;
    register u64 x2 __asm__("x2") = second;
    register u64 x3 __asm__("x3") = third;
    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
    return x0;
}

#define PSCI_SYSTEM_OFF 0x84000008

static inline __attribute__((noreturn)) void power_off(void)
{
    print("# done\n");
    for (;;) psci(PSCI_SYSTEM_OFF, 0, 0, 0);
}
