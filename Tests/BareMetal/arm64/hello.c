// Each semihosting operation once; the answers that depend on the time or the host are judged here, the others are printed.
// Exits with 42.

#include "semihosting.h"

static u64 call(u64 operation, u64 first, u64 second, u64 third)
{
    u64 block[3] = { first, second, third };
    return semihost(operation, block);
}

static u64 length(const char *text)
{
    u64 count = 0;
    while (text[count]) count++;
    return count;
}

static void show(const char *name, u64 value)
{
    print(name);
    print(" ");
    print_hex(value);
    print("\n");
}

static u64 open(const char *name, u64 mode) { return call(1, (u64)name, mode, length(name)); }

int main(void)
{
    print("hello from a bare-metal program\n");
    char letter = '*';
    semihost(3, &letter);
    letter = '\n';
    semihost(3, &letter);
    u64 out = open(":tt", 4);
    u64 in = open(":tt", 0);
    show("open", out != ~0UL && in != ~0UL && in != out);
    show("write", call(5, out, (u64) "written\n", 8));
    show("write to a closed handle", call(5, 99, (u64) "lost\n", 5));
    show("close 99", call(2, 99, 0, 0));
    show("istty", call(9, out, 0, 0));
    u64 features = open(":semihosting-features", 0);
    char magic[8] = { 0 };
    show("features length", call(12, features, 0, 0));
    show("features read", call(6, features, (u64)magic, 8));
    print(magic);
    show(" extensions", magic[4]);
    show("seek", call(10, features, 4, 0));
    show("read at the end", call(6, features, (u64)magic, 1) | call(6, features, (u64)magic, 1) << 8);
    show("close", call(2, features, 0, 0));
    show("iserror", (call(8, -1, 0, 0) != 0) | (call(8, 1, 0, 0) != 0) << 1);
    char line[8] = { 0 };
    u64 read = call(6, in, (u64)line, 3);
    line[3] = 0;
    print("input: ");
    print(line);
    show(", not read", read);
    show("readc", semihost(7, 0));
    show("clock", semihost(0x10, 0) < 6000);
    show("time", semihost(0x11, 0) > 1700000000);
    u64 ticks[2] = { 0, 0 };
    show("tickfreq", semihost(0x31, 0));
    show("elapsed", semihost(0x30, ticks) == 0 && ticks[0] != 0);
    u64 heap[4] = { 1, 1, 1, 1 };
    call(0x16, (u64)heap, 0, 0);
    show("heap", heap[0] != 1 && heap[1] > heap[0] && heap[2] == heap[1]);
    show("isn't there", open("/nonexistent/file", 0));
    return 42;
}
