// The guest of the engine's benchmark: one loop a call, chosen by x0, its result in x0, ended by PSCI SYSTEM_OFF.
// Bare-metal A64, built with: clang --target=aarch64-none-elf -O2 -ffreestanding -mgeneral-regs-only

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

static u8 bytes[1 << 16];
static u8 copy[1 << 16];
static u32 numbers[1 << 14];

static u64 sieve(void) {
    u64 count = 0;
    for (int round = 0; round < 60; round++) {
        for (u64 i = 0; i < sizeof bytes; i++) ((volatile u8 *)bytes)[i] = 1;
        for (u64 i = 2; i < sizeof bytes; i++) {
            if (!bytes[i]) continue;
            count++;
            for (u64 j = i * 2; j < sizeof bytes; j += i) ((volatile u8 *)bytes)[j] = 0;
        }
    }
    return count;
}

static u64 crc32(void) {
    u32 crc = ~0u;
    for (u64 i = 0; i < 1000000; i++) {
        crc ^= (u8)i;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
    }
    return ~crc;
}

static u64 copies(void) {
    u64 length = 0;
    for (int round = 0; round < 100; round++) {
        for (u64 i = 0; i < sizeof bytes - 1; i++) ((volatile u8 *)bytes)[i] = 'a';
        bytes[sizeof bytes - 1] = 0;
        for (u64 i = 0; i < sizeof bytes / 8; i++) ((volatile u64 *)copy)[i] = ((u64 *)bytes)[i];
        volatile u8 *end = copy;
        while (*end) end++;
        length += end - copy;
    }
    return length;
}

static void sort(u32 *first, u32 *last) {
    while (first < last) {
        u32 pivot = first[(last - first) / 2];
        u32 *left = first, *right = last;
        while (left <= right) {
            while (*left < pivot) left++;
            while (*right > pivot) right--;
            if (left <= right) {
                u32 swapped = *left;
                *left++ = *right;
                *right-- = swapped;
            }
        }
        sort(first, right);
        first = left;
    }
}

static u64 quicksort(void) {
    u32 seed = 1;
    for (int round = 0; round < 40; round++) {
        for (u64 i = 0; i < 1 << 14; i++) numbers[i] = seed = seed * 1664525 + 1013904223;
        sort(numbers, numbers + (1 << 14) - 1);
    }
    return numbers[100];
}

#define STEP(n, e) __attribute__((noinline)) static u64 step##n(u64 v) { __asm__ volatile(""); return e; }
STEP(0, v + 1) STEP(1, v ^ 0x55) STEP(2, v * 3) STEP(3, v >> 1) STEP(4, v - 7) STEP(5, v | 9) STEP(6, v << 1) STEP(7, ~v)
static u64 (*volatile const steps[8])(u64) = {step0, step1, step2, step3, step4, step5, step6, step7};

static u64 calls(void) {
    u64 value = 1;
    for (u64 i = 0; i < 5000000; i++) value = steps[(value ^ i) & 7](value);
    return value;
}

__attribute__((used, noinline)) u64 run(u64 which) {
    switch (which) {
    case 0: return sieve();
    case 1: return crc32();
    case 2: return copies();
    case 3: return quicksort();
    default: return calls();
    }
}

#ifdef PROGRAM
// A Linux program: the loop's number is the first digit of its first argument; 9 does nothing.
__attribute__((used)) void start(u64 *stack) {
    u64 which = ((u8 *)stack[2])[0] - '0';
    if (which < 5) *(volatile u64 *)numbers = run(which);
    register u64 status __asm__("x0") = 0, call __asm__("x8") = 93;
    __asm__ volatile("svc #0" ::"r"(status), "r"(call));
}
__asm__(".text\n.globl _start\n_start:\nmov x0, sp\nbl start\nb .\n");
#else
__asm__(".section .text.start\n.globl _start\n_start:\nbl run\nmov x19, x0\nldr w0, =0x84000008\nhvc #0\nb .\n");
#endif
