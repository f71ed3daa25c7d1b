#pragma once
// Instructions of A64 that Swift cannot say. Source: Arm DDI 0487.
#include "inline.h"

#include <stdint.h>

#if defined(__aarch64__)

#define SYSTEM_REGISTER(swift_name, register_name)                                                                     \
    INLINE uint64_t read_##swift_name(void) {                                                                   \
        uint64_t value;                                                                                                \
        __asm__ volatile("mrs %0, " register_name : "=r"(value)::"memory");                                            \
        return value;                                                                                                  \
    }                                                                                                                  \
    INLINE void write_##swift_name(uint64_t value) {                                                            \
        __asm__ volatile("msr " register_name ", %0" ::"r"(value) : "memory");                                         \
    }

SYSTEM_REGISTER(cntfrq, "CNTFRQ_EL0")
SYSTEM_REGISTER(cntvct, "CNTVCT_EL0")
SYSTEM_REGISTER(cntv_ctl, "CNTV_CTL_EL0")
SYSTEM_REGISTER(cntv_cval, "CNTV_CVAL_EL0")
SYSTEM_REGISTER(daif, "DAIF")
SYSTEM_REGISTER(mpidr, "MPIDR_EL1")
SYSTEM_REGISTER(midr, "MIDR_EL1")
SYSTEM_REGISTER(tpidr, "TPIDR_EL1")
SYSTEM_REGISTER(ttbr0, "TTBR0_EL1")
SYSTEM_REGISTER(sctlr, "SCTLR_EL1")
SYSTEM_REGISTER(vbar, "VBAR_EL1")
SYSTEM_REGISTER(esr, "ESR_EL1")
SYSTEM_REGISTER(far, "FAR_EL1")
// GICv3 CPU interface, by encoding: not every assembler knows the names. Source: Arm IHI 0069.
SYSTEM_REGISTER(icc_sre, "S3_0_C12_C12_5")
SYSTEM_REGISTER(icc_pmr, "S3_0_C4_C6_0")
SYSTEM_REGISTER(icc_igrpen1, "S3_0_C12_C12_7")
SYSTEM_REGISTER(icc_iar1, "S3_0_C12_C12_0")
SYSTEM_REGISTER(icc_eoir1, "S3_0_C12_C12_1")
SYSTEM_REGISTER(icc_sgi1r, "S3_0_C12_C11_5")

INLINE void disable_irq(void) { __asm__ volatile("msr DAIFSet, #2" ::: "memory"); }
INLINE void enable_irq(void) { __asm__ volatile("msr DAIFClr, #2" ::: "memory"); }
INLINE void wait_for_interrupt(void) { __asm__ volatile("dsb sy; wfi" ::: "memory"); }
INLINE void yield_cpu(void) { __asm__ volatile("yield" ::: "memory"); }
INLINE void instruction_barrier(void) { __asm__ volatile("isb" ::: "memory"); }
INLINE void data_barrier(void) { __asm__ volatile("dsb sy" ::: "memory"); }
// Completes table writes before dropping all translations of this CPU and using the new ones.
INLINE void flush_translations(void) {
    __asm__ volatile("dsb ishst; tlbi vmalle1is; dsb ish; isb" ::: "memory");
}

// PSCI by HVC or SMC. Source: Arm DEN 0022, SMCCC DEN 0028.
INLINE uint64_t psci_hvc(uint64_t function, uint64_t a, uint64_t b, uint64_t c) {
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = a;
    register uint64_t x2 __asm__("x2") = b;
    register uint64_t x3 __asm__("x3") = c;
    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory", "x4", "x5", "x6", "x7", "x8", "x9",
                     "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17");
    return x0;
}
INLINE uint64_t psci_smc(uint64_t function, uint64_t a, uint64_t b, uint64_t c) {
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = a;
    register uint64_t x2 __asm__("x2") = b;
    register uint64_t x3 __asm__("x3") = c;
    __asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory", "x4", "x5", "x6", "x7", "x8", "x9",
                     "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17");
    return x0;
}

// Writes the cache line at `address` to memory, for a reader whose caches are off.
INLINE void clean_cache_line(uint64_t address) { __asm__ volatile("dc civac, %0; dsb sy" ::"r"(address) : "memory"); }
extern uint64_t kernel_ttbr0;
INLINE uint64_t kernel_ttbr0_address(void) { return (uint64_t)&kernel_ttbr0; }

void exception_vectors(void);
INLINE uint64_t exception_vectors_address(void) { return (uint64_t)exception_vectors; }
// Entry of a secondary CPU, MMU off; x0 is the top of its stack.
void secondary_start(void);
INLINE uint64_t secondary_start_address(void) { return (uint64_t)secondary_start; }

#endif
