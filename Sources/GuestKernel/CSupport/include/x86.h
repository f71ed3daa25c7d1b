#pragma once
// Instructions of x86 that Swift cannot say. Source: Intel SDM volume 2.
#include "inline.h"

#include <stdint.h>

#if defined(__x86_64__)

INLINE uint8_t in8(uint16_t port) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
INLINE uint16_t in16(uint16_t port) {
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
INLINE uint32_t in32(uint16_t port) {
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
INLINE void out8(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }
INLINE void out16(uint16_t port, uint16_t value) { __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port)); }
INLINE void out32(uint16_t port, uint32_t value) { __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port)); }

INLINE uint64_t read_msr(uint32_t index) {
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
    return (uint64_t)high << 32 | low;
}
INLINE void write_msr(uint32_t index, uint64_t value) {
    __asm__ volatile("wrmsr" ::"c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

struct cpuid_result { uint32_t eax, ebx, ecx, edx; };
INLINE struct cpuid_result cpuid(uint32_t leaf, uint32_t subleaf) {
    struct cpuid_result r;
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}
INLINE uint64_t read_tsc(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

INLINE uint64_t read_flags(void) {
    uint64_t value;
    __asm__ volatile("pushfq; popq %0" : "=r"(value)::"memory");
    return value;
}
INLINE void clear_interrupt_flag(void) { __asm__ volatile("cli" ::: "memory"); }
INLINE void set_interrupt_flag(void) { __asm__ volatile("sti" ::: "memory"); }
// STI holds interrupts off until after the next instruction, so none is missed between the two.
INLINE void enable_interrupts_and_halt(void) { __asm__ volatile("sti; hlt; cli" ::: "memory"); }
INLINE void halt(void) { __asm__ volatile("hlt" ::: "memory"); }
INLINE void pause_cpu(void) { __asm__ volatile("pause" ::: "memory"); }

INLINE uint64_t read_cr0(void) { uint64_t v; __asm__ volatile("mov %%cr0, %0" : "=r"(v)); return v; }
INLINE uint64_t read_cr2(void) { uint64_t v; __asm__ volatile("mov %%cr2, %0" : "=r"(v)); return v; }
INLINE uint64_t read_cr3(void) { uint64_t v; __asm__ volatile("mov %%cr3, %0" : "=r"(v)); return v; }
INLINE uint64_t read_cr4(void) { uint64_t v; __asm__ volatile("mov %%cr4, %0" : "=r"(v)); return v; }
INLINE void write_cr0(uint64_t v) { __asm__ volatile("mov %0, %%cr0" ::"r"(v) : "memory"); }
INLINE void write_cr3(uint64_t v) { __asm__ volatile("mov %0, %%cr3" ::"r"(v) : "memory"); }
INLINE void write_cr4(uint64_t v) { __asm__ volatile("mov %0, %%cr4" ::"r"(v) : "memory"); }

// `pointer` is the address of a 10-byte limit and base.
INLINE void load_idt(uint64_t pointer) { __asm__ volatile("lidt (%0)" ::"r"(pointer) : "memory"); }
INLINE void trigger_invalid_opcode(void) { __asm__ volatile("ud2"); }
void load_gdt(uint64_t pointer);
INLINE void load_task_register(uint16_t selector) { __asm__ volatile("ltr %0" ::"r"(selector)); }
// The word at GS:0, which the kernel keeps the CPU's index in.
INLINE uint64_t read_gs0(void) { uint64_t v; __asm__ volatile("movq %%gs:0, %0" : "=r"(v)); return v; }

// First of 96 interrupt entry stubs, 16 bytes apart.
extern char interrupt_stubs[];
INLINE uint64_t interrupt_stubs_address(void) { return (uint64_t)interrupt_stubs; }
// The code a secondary CPU starts with, to be copied below 1 MiB; its last 24 bytes are filled in.
extern char trampoline_start[], trampoline_end[];
INLINE uint64_t trampoline_start_address(void) { return (uint64_t)trampoline_start; }
INLINE uint64_t trampoline_end_address(void) { return (uint64_t)trampoline_end; }

#endif
