// What bare-metal test programs share: numbers as text. `print` is by semihosting.h or by board.h.

typedef unsigned long u64;
typedef unsigned int u32;

static inline void print(const char *text);

static inline void print_hex(u64 value)
{
    char text[20] = "0x";
    int at = 2;
    for (int shift = 60; shift >= 0; shift -= 4) {
        unsigned digit = value >> shift & 15;
        if (digit || at > 2 || shift == 0) text[at++] = digit < 10 ? '0' + digit : 'a' + digit - 10;
    }
    text[at] = 0;
    print(text);
}
