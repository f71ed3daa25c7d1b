#define _GNU_SOURCE
#include "HostBridge.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

// A call that is let through: any, or where (argument & mask) == value, of the argument's lower half.
struct call {
    int number;
    int argument;
    uint32_t mask;
    uint32_t value;
};
#define ANY(name) {SYS_##name, -1, 0, 0}
#define WHERE(name, argument, mask, value) {SYS_##name, argument, mask, value}

// Memory, time, locks, signals to itself, its end, and bytes on descriptors that it has.
static const struct call always[] = {
    ANY(read), ANY(write), ANY(readv), ANY(writev), ANY(recvfrom), ANY(sendto), ANY(recvmsg), ANY(sendmsg),
    ANY(ppoll), ANY(close), ANY(shutdown), ANY(fcntl), ANY(lseek), ANY(fstat),
    WHERE(newfstatat, 3, AT_EMPTY_PATH, AT_EMPTY_PATH),
    ANY(getsockopt), ANY(setsockopt), ANY(getsockname), ANY(getpeername),
    WHERE(mmap, 2, PROT_EXEC, 0), WHERE(mprotect, 2, PROT_EXEC, 0), ANY(munmap), ANY(mremap), ANY(madvise), ANY(brk),
    ANY(futex), ANY(sched_yield), ANY(sched_getaffinity), ANY(set_robust_list), ANY(rseq),
    ANY(clock_gettime), ANY(clock_getres), ANY(clock_nanosleep), ANY(nanosleep), ANY(gettimeofday), ANY(getrandom),
    ANY(getpid), ANY(gettid), ANY(rt_sigaction), ANY(rt_sigprocmask), ANY(rt_sigreturn), ANY(sigaltstack),
    ANY(restart_syscall), ANY(exit), ANY(exit_group),
#ifdef __x86_64__
    ANY(poll), ANY(time),
#endif
};

// Connections by IP, and the name server's address in resolv.conf, which libslirp looks up again when the file has changed.
static const struct call internet[] = {
    WHERE(socket, 0, UINT32_MAX, AF_INET), WHERE(socket, 0, UINT32_MAX, AF_INET6),
    ANY(bind), ANY(listen), ANY(accept), ANY(accept4), ANY(connect),
    WHERE(ioctl, 1, UINT32_MAX, FIONREAD), WHERE(ioctl, 1, UINT32_MAX, FIONBIO),
    WHERE(openat, 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY), ANY(newfstatat), ANY(statx),
#ifdef __x86_64__
    WHERE(open, 1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY), ANY(stat), ANY(lstat),
#endif
};

// What libraries ask now and then, and can do without: refused, and not the end of the program.
static const struct call refused[] = {
    WHERE(openat, 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY), ANY(newfstatat), ANY(statx), ANY(readlinkat), ANY(faccessat),
    ANY(ioctl), ANY(prlimit64), ANY(uname),
#ifdef __x86_64__
    WHERE(open, 1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY), ANY(stat), ANY(lstat), ANY(readlink), ANY(access),
#endif
};

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
// A rule takes six instructions at most; five are before and behind them all.
#define LONGEST (6 * (LENGTH(always) + LENGTH(internet) + LENGTH(refused) + 1) + 5)

struct program {
    struct sock_filter instructions[LONGEST];
    unsigned short length;
};

static void emit(struct program *program, unsigned short code, uint32_t value, unsigned char yes, unsigned char no) {
    program->instructions[program->length++] = (struct sock_filter){code, yes, no, value};
}

static void emit_rules(struct program *program, const struct call *calls, size_t count, uint32_t verdict) {
    for (size_t index = 0; index < count; index++) {
        const struct call *call = &calls[index];
        if (call->argument < 0) {
            emit(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call->number, 0, 1);
            emit(program, BPF_RET | BPF_K, verdict, 0, 0);
            continue;
        }
        size_t lower = offsetof(struct seccomp_data, args) + 8 * (size_t)call->argument;
        emit(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call->number, 0, 5);
        emit(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)lower, 0, 0);
        emit(program, BPF_ALU | BPF_AND | BPF_K, call->mask, 0, 0);
        emit(program, BPF_JMP | BPF_JEQ | BPF_K, call->value, 0, 1);
        emit(program, BPF_RET | BPF_K, verdict, 0, 0);
        emit(program, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    }
}

static int filter_calls(bool wants_internet) {
    struct program program = {.length = 0};
    emit(&program, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    // Another architecture's numbers mean other calls. x86's x32 has numbers that are in no rule.
    emit(&program, BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCHITECTURE, 1, 0);
    emit(&program, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    emit(&program, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    emit_rules(&program, always, LENGTH(always), SECCOMP_RET_ALLOW);
    // abort() signals its own process.
    const struct call itself[] = {WHERE(tgkill, 0, UINT32_MAX, (uint32_t)getpid())};
    emit_rules(&program, itself, LENGTH(itself), SECCOMP_RET_ALLOW);
    if (wants_internet) emit_rules(&program, internet, LENGTH(internet), SECCOMP_RET_ALLOW);
    emit_rules(&program, refused, LENGTH(refused), SECCOMP_RET_ERRNO | EACCES);
    emit(&program, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    const struct sock_fprog code = {.len = program.length, .filter = program.instructions};
    // For threads that a library has made, too.
    long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &code);
    return result == 0 ? 0 : result > 0 ? EBUSY : errno;
}

static void allow_reading_below(int rules, const char *directory) {
    struct landlock_path_beneath_attr rule = {
        .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE, .parent_fd = open(directory, O_PATH | O_CLOEXEC)};
    if (rule.parent_fd < 0) return;
    (void)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    (void)close(rule.parent_fd);
}

// Of all files, leaves those that /etc/resolv.conf is among. Where the host has no Landlock, the rights that the user's files have must do.
static void limit_files(void) {
    // The rights of its first version, of Linux 5.13, which include all ways to open a file.
    struct landlock_ruleset_attr handled = {.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
    int rules = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
    if (rules < 0) return;
    allow_reading_below(rules, "/etc");
    // It may be a link to where another program keeps it.
    char path[PATH_MAX];
    if (realpath("/etc/resolv.conf", path) != NULL) allow_reading_below(rules, dirname(path));
    (void)syscall(SYS_landlock_restrict_self, rules, 0);
    (void)close(rules);
}

int host_confine(bool wants_internet) {
    // Without it a filter takes privilege; and no program that this one could start would have more rights.
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    if (wants_internet) limit_files();
    return filter_calls(wants_internet);
}
