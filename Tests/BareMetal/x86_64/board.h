// What bare-metal x86_64 programs share: ports, memory, model-specific registers, COM1.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

static inline void out8(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void out16(u16 port, u16 value) { __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }
static inline void out32(u16 port, u32 value) { __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }
static inline u8 in8(u16 port) { u8 value; __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port)); return value; }
static inline u16 in16(u16 port) { u16 value; __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port)); return value; }
static inline u32 in32(u16 port) { u32 value; __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port)); return value; }

static inline u8 get8(u32 address) { return *(volatile u8 *)address; }
static inline u16 get16(u32 address) { return *(volatile u16 *)address; }
static inline u32 get32(u32 address) { return *(volatile u32 *)address; }
static inline void set8(u32 address, u8 value) { *(volatile u8 *)address = value; }
static inline void set16(u32 address, u16 value) { *(volatile u16 *)address = value; }
static inline void set32(u32 address, u32 value) { *(volatile u32 *)address = value; }

#define COM1 0x3f8

// Whatever was written there before, characters come out now.
static inline void reset_console(void)
{
    out8(COM1 + 3, 3);
    out8(COM1 + 1, 0);
    out8(COM1 + 2, 0);
    out8(COM1 + 4, 0);
}

static inline void print(const char *text)
{
    for (; *text; text++) out8(COM1, *text);
}

static inline void print_number(u32 value)
{
    char text[11];
    int at = 10;
    text[at] = 0;
    do text[--at] = '0' + value % 10;
    while (value /= 10);
    print(text + at);
}
