// What bare-metal test programs share: semihosting, and printing by it.

typedef unsigned long u64;
typedef unsigned int u32;

u64 semihost(u64 operation, void *parameter);

static void print(const char *text) { semihost(4, (void *)text); }

static void print_hex(u64 value)
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
