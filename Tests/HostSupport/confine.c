#define _GNU_SOURCE // MAP_ANONYMOUS, memfd_create
#include "HostSupport.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// 0, or -1 with errno set.
static int attempt(enum host_trial trial)
{
    static char *const none[] = {NULL};
    switch (trial) {
    case host_trial_memory: {
        char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return page == MAP_FAILED ? -1 : munmap(page, 4096);
    }
    case host_trial_code:
        return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
    case host_trial_resolver: return open("/etc/resolv.conf", O_RDONLY) < 0 ? -1 : 0;
    case host_trial_other_file: return open("/proc/version", O_RDONLY) < 0 ? -1 : 0;
    case host_trial_new_file: return open("/tmp/swvmm-confine", O_WRONLY | O_CREAT, 0600) < 0 ? -1 : 0;
    case host_trial_connection: return socket(AF_INET, SOCK_STREAM, 0) < 0 ? -1 : 0;
    case host_trial_unix_socket: return socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? -1 : 0;
    case host_trial_program: return execve("/bin/true", none, none);
    case host_trial_process: return fork() < 0 ? -1 : 0;
    case host_trial_other_signal: return kill(getppid(), 0);
    case host_trial_other_memory: return ptrace(PTRACE_TRACEME, 0, 0, 0) < 0 ? -1 : 0;
    case host_trial_abort:
        // Without the handlers of who runs the tests.
        (void)signal(SIGABRT, SIG_DFL);
        abort();
    }
    errno = EINVAL;
    return -1;
}

bool host_has_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

int host_confined_trial(int (*confine)(bool), bool wants_internet, enum host_trial trial)
{
    pid_t child = fork();
    if (child < 0) return -1;
    if (child == 0) {
        int reason = confine(wants_internet);
        if (reason != 0) _exit(255);
        _exit(attempt(trial) == 0 ? 0 : errno);
    }
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return status;
}
