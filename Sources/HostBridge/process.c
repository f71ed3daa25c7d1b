#define _GNU_SOURCE
#include "HostBridge.h"
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// The child's part: async-signal-safe calls only.
static _Noreturn void become(
    const char *path, char *const arguments[], const int standard[3], pid_t parent, int report) {
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++) (void)signal(number, SIG_DFL);
    // Before the check: a parent that ends in between is seen by the one or the other.
    if (setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent
        && dup2(standard[0], 0) >= 0 && dup2(standard[1], 1) >= 0 && dup2(standard[2], 2) >= 0
        && sigprocmask(SIG_SETMASK, &none, NULL) == 0)
        (void)execve(path, arguments, environ);
    int reason = errno != 0 ? errno : ESRCH;
    (void)!write(report, &reason, sizeof reason);
    _exit(127);
}

int host_spawn(
    const char *path, char *const arguments[], const int standard[3], pid_t *child, int *child_descriptor) {
    // Closes with a successful exec: then the parent reads nothing.
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) return errno;
    sigset_t all, before;
    sigfillset(&all);
    // No handler of this process may run in the child.
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t made = fork();
    if (made == 0) become(path, arguments, standard, parent, report[1]);
    int reason = made < 0 ? errno : 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)close(report[1]);
    if (made > 0) {
        ssize_t count;
        do count = read(report[0], &reason, sizeof reason);
        while (count < 0 && errno == EINTR);
        if (count != sizeof reason) reason = 0;
        if (reason == 0) {
            *child_descriptor = (int)syscall(SYS_pidfd_open, made, 0);
            if (*child_descriptor < 0) reason = errno;
        }
        if (reason != 0) {
            (void)kill(made, SIGKILL);
            siginfo_t ignored;
            while (waitid(P_PID, (id_t)made, &ignored, WEXITED) != 0 && errno == EINTR) {}
        }
    }
    (void)close(report[0]);
    *child = made;
    return reason;
}

int host_pipe_pair(int ends[2]) { return pipe2(ends, O_CLOEXEC) == 0 ? 0 : errno; }

int host_terminal_columns(int descriptor) {
    struct winsize size;
    return ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

int host_usable_cores(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

// A debugger's breakpoints would go with the code: programs that are made to be debugged keep it.
#ifdef DEBUG
static void drop_program(void) {}
#else
// Segments that are not written to hold what the file has, and nothing else: they may go. The first object is the program.
static int drop_segments(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)size, (void)unused;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int index = 0; index < object->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[index];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) != 0) continue;
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz) & ~(page - 1);
        if (end > start) (void)madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 1;
}

static void drop_program(void) { (void)dl_iterate_phdr(drop_segments, NULL); }
#endif

void host_give_back_memory(void) {
    (void)malloc_trim(0);
    drop_program();
}
