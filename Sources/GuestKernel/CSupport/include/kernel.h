#pragma once
// What the linker script and the assembly files define, as integers.
#include "inline.h"

#include <stdint.h>

extern char __kernel_start[], __text_start[], __text_end[], __data_start[], __kernel_end[];
extern char kernel_symbols[] __attribute__((weak));

INLINE uint64_t kernel_start_address(void) { return (uint64_t)__kernel_start; }
INLINE uint64_t kernel_text_start(void) { return (uint64_t)__text_start; }
INLINE uint64_t kernel_text_end(void) { return (uint64_t)__text_end; }
INLINE uint64_t kernel_data_start(void) { return (uint64_t)__data_start; }
INLINE uint64_t kernel_end_address(void) { return (uint64_t)__kernel_end; }
// The table GuestImageBuilder makes; 0 in the first link, which has none.
INLINE uint64_t kernel_symbols_address(void) { return (uint64_t)kernel_symbols; }

// Saves the running thread's callee-saved registers on its stack and its stack pointer at address `from`, and goes on with
// the thread whose stack pointer is at address `to`.
void switch_context(uint64_t from, uint64_t to);
// Where a new thread's first switch_context returns to; calls thread_main() on its stack.
void thread_entry(void);
INLINE uint64_t thread_entry_address(void) { return (uint64_t)thread_entry; }

INLINE uint64_t frame_pointer(void) { return (uint64_t)__builtin_frame_address(0); }
