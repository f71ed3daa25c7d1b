#define _GNU_SOURCE
#include "HostSupport.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int host_pipe(int *read_end, int *write_end) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
    *read_end = ends[0];
    *write_end = ends[1];
    return 0;
}

int host_terminal(int *host, int *user) {
    char name[128];
    int descriptor = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (descriptor < 0) return errno;
    if (grantpt(descriptor) == 0 && unlockpt(descriptor) == 0 && ptsname_r(descriptor, name, sizeof name) == 0) {
        *user = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (*user >= 0) {
            *host = descriptor;
            return 0;
        }
    }
    int reason = errno;
    close(descriptor);
    return reason;
}
