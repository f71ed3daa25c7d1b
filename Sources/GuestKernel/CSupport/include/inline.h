#pragma once
// What is one or two instructions is put where it is used: always, since a call costs more than the instruction, and a stack
// walk should begin in the kernel's own functions.
#define INLINE static inline __attribute__((always_inline))
