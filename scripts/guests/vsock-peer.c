/*
 * The guest's side of scripts/test-vsock: streams between this Linux and programs of the host.
 *
 *   vsock-peer serve PORT            answers each connection to PORT, until it is killed: it reads a line, and does what that says:
 *                                    echo (what comes, to its end), sum (count and CRC-32 of what comes, at its end), give COUNT
 *                                    (so many bytes), drop (leaves at once), shut (receives no more, and sends what was asked)
 *   vsock-peer ask PORT LINE COUNT   connects to PORT of the host, sends LINE and COUNT bytes, sends no more, and prints count
 *                                    and CRC-32 of what comes back to the end
 *   vsock-peer many PORT TOTAL AT-ONCE   so many connections to PORT of the host, each of which has a short text echoed
 *
 * Bytes are those of a small generator, which the host has as well. Prints a line at the end; exit code 0 when all went well.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/vm_sockets.h>

enum { PIECE = 1 << 16 };

static uint32_t crc_table[256];

static void make_crc_table(void)
{
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t c = n;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xEDB88320u ^ c >> 1 : c >> 1;
        crc_table[n] = c;
    }
}

static uint32_t crc(uint32_t value, const unsigned char *bytes, size_t count)
{
    value = ~value;
    while (count--)
        value = crc_table[(value ^ *bytes++) & 0xFF] ^ value >> 8;
    return ~value;
}

/* Byte number `index` of all that is sent. */
static unsigned char pattern(uint64_t index) { return (unsigned char)(index * 7 + index / 251); }

static int fail(const char *what)
{
    printf("vsock-peer: %s: %s\n", what, strerror(errno));
    return 1;
}

static int write_all(int socket, const void *bytes, size_t count)
{
    const char *rest = bytes;
    while (count > 0) {
        ssize_t done = write(socket, rest, count);
        if (done <= 0)
            return -1;
        rest += done;
        count -= done;
    }
    return 0;
}

static int send_pattern(int socket, uint64_t count)
{
    static unsigned char piece[PIECE];
    for (uint64_t sent = 0; sent < count;) {
        size_t size = count - sent < PIECE ? count - sent : PIECE;
        for (size_t index = 0; index < size; index++)
            piece[index] = pattern(sent + index);
        if (write_all(socket, piece, size) < 0)
            return -1;
        sent += size;
    }
    return 0;
}

static int receive_to_end(int socket, uint64_t *count, uint32_t *sum)
{
    static unsigned char piece[PIECE];
    *count = *sum = 0;
    for (;;) {
        ssize_t got = read(socket, piece, PIECE);
        if (got <= 0)
            return got;
        *sum = crc(*sum, piece, got);
        *count += got;
    }
}

static int read_line(int socket, char *line, size_t limit)
{
    size_t length = 0;
    while (length < limit - 1 && read(socket, line + length, 1) == 1 && line[length] != '\n')
        length++;
    line[length] = 0;
    return length > 0;
}

static void answer(int socket)
{
    static unsigned char piece[PIECE];
    char line[64];
    uint64_t count;
    uint32_t sum;
    if (!read_line(socket, line, sizeof line))
        return;
    if (!strcmp(line, "echo")) {
        ssize_t got;
        while ((got = read(socket, piece, PIECE)) > 0)
            if (write_all(socket, piece, got) < 0)
                return;
    } else if (!strcmp(line, "sum")) {
        if (receive_to_end(socket, &count, &sum) == 0) {
            int length = snprintf(line, sizeof line, "%llu %08x\n", (unsigned long long)count, sum);
            write_all(socket, line, length);
        }
    } else if (!strncmp(line, "give ", 5)) {
        send_pattern(socket, strtoull(line + 5, NULL, 10));
    } else if (!strncmp(line, "shut ", 5)) {
        shutdown(socket, SHUT_RD);
        send_pattern(socket, strtoull(line + 5, NULL, 10));
    }
}

static int serve(unsigned port)
{
    struct sockaddr_vm address = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port };
    int listener = socket(AF_VSOCK, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 64) < 0)
        return fail("listen");
    signal(SIGCHLD, SIG_IGN);
    printf("vsock-peer: serves %u\n", port);
    fflush(stdout);
    for (;;) {
        int stream = accept(listener, NULL, NULL);
        if (stream < 0)
            return fail("accept");
        if (fork() == 0) {
            close(listener);
            answer(stream);
            _exit(0);
        }
        close(stream);
    }
}

static int connect_to_host(unsigned port)
{
    struct sockaddr_vm address = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port };
    int stream = socket(AF_VSOCK, SOCK_STREAM, 0);
    if (stream < 0)
        return -1;
    if (connect(stream, (struct sockaddr *)&address, sizeof address) == 0)
        return stream;
    int reason = errno;
    close(stream);
    errno = reason;
    return -1;
}

static int ask(unsigned port, const char *line, uint64_t count)
{
    uint64_t got;
    uint32_t sum;
    int stream = connect_to_host(port);
    if (stream < 0)
        return fail("connect");
    if (write_all(stream, line, strlen(line)) < 0 || write_all(stream, "\n", 1) < 0 || send_pattern(stream, count) < 0)
        return fail("write");
    shutdown(stream, SHUT_WR);
    if (receive_to_end(stream, &got, &sum) < 0)
        return fail("read");
    printf("vsock-peer: got %llu %08x\n", (unsigned long long)got, sum);
    return 0;
}

static int talk(unsigned port, unsigned number)
{
    char sent[64], got[64];
    int length = snprintf(sent, sizeof sent, "echo\nthis is number %u\n", number), done = 0;
    int stream = connect_to_host(port);
    if (stream < 0 || write_all(stream, sent, length) < 0)
        return -1;
    length -= 5;
    while (done < length) {
        ssize_t count = read(stream, got + done, length - done);
        if (count <= 0)
            return -1;
        done += count;
    }
    close(stream);
    return memcmp(sent + 5, got, length) == 0 ? 0 : -1;
}

static int many(unsigned port, unsigned total, unsigned at_once)
{
    unsigned good = 0;
    for (unsigned process = 0; process < at_once; process++) {
        if (fork() == 0) {
            unsigned mine = 0;
            for (unsigned number = process; number < total; number += at_once)
                mine += talk(port, number) == 0;
            _exit(mine);
        }
    }
    for (int status; wait(&status) > 0;)
        good += WEXITSTATUS(status);
    printf("vsock-peer: %u of %u\n", good, total);
    return good != total;
}

int main(int count, char **words)
{
    signal(SIGPIPE, SIG_IGN);
    make_crc_table();
    if (count == 3 && !strcmp(words[1], "serve"))
        return serve(strtoul(words[2], NULL, 10));
    if (count == 5 && !strcmp(words[1], "ask"))
        return ask(strtoul(words[2], NULL, 10), words[3], strtoull(words[4], NULL, 10));
    if (count == 5 && !strcmp(words[1], "many"))
        return many(strtoul(words[2], NULL, 10), strtoul(words[3], NULL, 10), strtoul(words[4], NULL, 10));
    puts("vsock-peer: serve PORT, ask PORT LINE COUNT, or many PORT TOTAL AT-ONCE");
    return 2;
}
