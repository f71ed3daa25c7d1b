// Calls on a shared directory's tree: by descriptors and single names, so that nothing leads out of it.
#define _GNU_SOURCE
#include "HostBridge.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// The name of a descriptor in the directory of this process's links.
#define LINK_NAME_SIZE 12
static const char *link_name(char name[LINK_NAME_SIZE], int descriptor)
{
    snprintf(name, LINK_NAME_SIZE, "%d", descriptor);
    return name;
}

static int open_beneath(int directory, const char *name, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
        .mode = mode,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
    };
    int descriptor;
    do {
        descriptor = (int)syscall(SYS_openat2, directory, name, &how, sizeof how);
        // EAGAIN: something was renamed meanwhile; see openat2(2).
    } while (descriptor < 0 && (errno == EINTR || errno == EAGAIN));
    return descriptor;
}

int host_tree_open(const char *path)
{
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int host_tree_find(int directory, const char *name)
{
    return open_beneath(directory, name, O_PATH, 0);
}

int host_tree_create(int directory, const char *name, int flags, mode_t mode)
{
    return open_beneath(directory, name, flags | O_CREAT | O_EXCL | O_NOCTTY, mode);
}

int host_tree_reopen(int links, int descriptor, int flags)
{
    char name[LINK_NAME_SIZE];
    return openat(links, link_name(name, descriptor), flags | O_CLOEXEC | O_NOCTTY);
}

int host_tree_node(int links, int descriptor)
{
    return host_tree_reopen(links, descriptor, O_PATH);
}

int host_tree_link(int links, int descriptor, int directory, const char *name)
{
    char from[LINK_NAME_SIZE];
    return linkat(links, link_name(from, descriptor), directory, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

int host_tree_set_mode(int links, int descriptor, mode_t mode)
{
    char name[LINK_NAME_SIZE];
    return fchmodat(links, link_name(name, descriptor), mode, 0) == 0 ? 0 : errno;
}

int host_tree_set_owner(int descriptor, uid_t owner, gid_t group)
{
    return fchownat(descriptor, "", owner, group, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
}

int host_tree_set_times(int descriptor, const struct timespec times[2])
{
    return utimensat(descriptor, "", times, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
}

ssize_t host_tree_link_target(int descriptor, char *buffer, size_t size)
{
    return readlinkat(descriptor, "", buffer, size);
}

ssize_t host_tree_entries(int descriptor, off_t position, void *buffer, size_t size)
{
    if (lseek(descriptor, position, SEEK_SET) < 0)
        return -1;
    return getdents64(descriptor, buffer, size);
}

unsigned long long host_descriptor_limit(unsigned long long wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    if (limit.rlim_cur < wanted && limit.rlim_cur < limit.rlim_max) {
        struct rlimit larger = { .rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max, .rlim_max = limit.rlim_max };
        if (setrlimit(RLIMIT_NOFILE, &larger) == 0)
            limit = larger;
    }
    return limit.rlim_cur;
}
