// The memory functions that compilers call on their own. Written in C because the C compiler is told not to turn these
// loops into calls of themselves (-fno-builtin), which Swift cannot be told.
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)

// One string instruction each: fast on hardware, and one step a word where a hypervisor interprets kernel code.
void *memset(void *to, int value, size_t count) {
    void *at = to;
    size_t words = count / 8, rest = count % 8;
    uint64_t pattern = 0x0101010101010101u * (uint8_t)value;
    __asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(rest) : "a"(pattern) : "memory");
    return to;
}

void *memcpy(void *to, const void *from, size_t count) {
    void *at = to;
    size_t words = count / 8, rest = count % 8;
    __asm__ volatile("rep movsq" : "+D"(at), "+S"(from), "+c"(words)::"memory");
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(rest)::"memory");
    return to;
}

#else

typedef uint64_t __attribute__((may_alias, aligned(1))) word;

void *memset(void *to, int value, size_t count) {
    uint8_t *at = to;
    uint64_t pattern = 0x0101010101010101u * (uint8_t)value;
    for (; count >= 8; count -= 8, at += 8) *(word *)at = pattern;
    for (; count > 0; count--) *at++ = (uint8_t)value;
    return to;
}

void *memcpy(void *to, const void *from, size_t count) {
    uint8_t *at = to;
    const uint8_t *source = from;
    for (; count >= 8; count -= 8, at += 8, source += 8) *(word *)at = *(const word *)source;
    for (; count > 0; count--) *at++ = *source++;
    return to;
}

#endif

void *memmove(void *to, const void *from, size_t count) {
    uint8_t *at = to;
    const uint8_t *source = from;
    if ((uintptr_t)at - (uintptr_t)source >= count) return memcpy(to, from, count);
    while (count > 0) {
        count--;
        at[count] = source[count];
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t count) {
    const uint8_t *x = a, *y = b;
    for (; count > 0; count--, x++, y++) {
        if (*x != *y) return *x - *y;
    }
    return 0;
}
