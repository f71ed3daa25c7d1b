#define _GNU_SOURCE
#include "HostBridge.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef STATX_DIOALIGN
#define STATX_DIOALIGN 0x2000U
#endif

int host_disk_lock(int descriptor, bool exclusive)
{
    struct flock lock = { .l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET };
    return fcntl(descriptor, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
}

static int allocate(int descriptor, int mode, off_t offset, off_t length)
{
    int result;
    do {
        result = fallocate(descriptor, mode | FALLOC_FL_KEEP_SIZE, offset, length);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

int host_disk_punch(int descriptor, off_t offset, off_t length)
{
    return allocate(descriptor, FALLOC_FL_PUNCH_HOLE, offset, length);
}

int host_disk_zero(int descriptor, off_t offset, off_t length)
{
    return allocate(descriptor, FALLOC_FL_ZERO_RANGE, offset, length);
}

int host_disk_device_facts(int descriptor, unsigned long long *size, unsigned int *logical_block, unsigned int *physical_block)
{
    int logical = 0;
    if (ioctl(descriptor, BLKGETSIZE64, size) != 0 || ioctl(descriptor, BLKSSZGET, &logical) != 0 ||
        ioctl(descriptor, BLKPBSZGET, physical_block) != 0)
        return errno;
    *logical_block = (unsigned int)logical;
    return 0;
}

int host_disk_device_lock(int descriptor, bool exclusive)
{
    // udev holds it for a moment when a device appears, or when a writer has closed it.
    const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };
    for (int tries = 20; flock(descriptor, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0; tries--) {
        if (errno != EINTR && (errno != EWOULDBLOCK || tries == 0))
            return errno;
        nanosleep(&pause, NULL);
    }
    return 0;
}

bool host_disk_device_is_read_only(int descriptor)
{
    int read_only = 0;
    return ioctl(descriptor, BLKROGET, &read_only) == 0 && read_only != 0;
}

int host_disk_device_discard(int descriptor, unsigned long long offset, unsigned long long length)
{
    unsigned long long range[2] = { offset, length };
    int result;
    do {
        result = ioctl(descriptor, BLKDISCARD, range);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

int host_disk_open_direct(const char *path, bool writable)
{
    return open(path, O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_DIRECT | (writable ? O_RDWR : O_RDONLY));
}

// Where the kernel cannot say (before Linux 6.1, some file systems): what reads are taken. 512 is the least that any disk has.
static int probe_alignment(int descriptor, unsigned int *alignment)
{
    const unsigned int largest = 4096;
    char *buffer = aligned_alloc(largest, 2 * largest);
    int reason = ENOMEM;
    for (unsigned int size = 512; buffer != NULL && size <= largest; size *= 2) {
        // At an address that is aligned so and no better.
        ssize_t count = pread(descriptor, buffer + size % largest, size, 0);
        reason = count >= 0 ? 0 : errno;
        if (reason != EINVAL) {
            *alignment = size;
            break;
        }
    }
    free(buffer);
    return reason;
}

int host_disk_direct_alignment(int descriptor, unsigned int *memory, unsigned int *position)
{
    struct statx status = { 0 };
    if (statx(descriptor, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) == 0 && status.stx_mask & STATX_DIOALIGN) {
        // Glibc's structure may be older than the field: Source: Linux, struct statx, offsets 0x98 and 0x9c.
        const unsigned int *fields = (const unsigned int *)((const char *)&status + 0x98);
        *memory = fields[0];
        *position = fields[1];
        return *memory != 0 && *position != 0 ? 0 : EINVAL;
    }
    int logical = 0;
    if (ioctl(descriptor, BLKSSZGET, &logical) == 0 && logical > 0) {
        *memory = *position = (unsigned int)logical;
        return 0;
    }
    int reason = probe_alignment(descriptor, position);
    *memory = *position;
    return reason;
}

static int memory_file(const char *name, off_t size, int seals)
{
    int descriptor = memfd_create(name, MFD_CLOEXEC | (seals != 0 ? MFD_ALLOW_SEALING : 0));
    if (descriptor >= 0 && (ftruncate(descriptor, size) != 0 || (seals != 0 && fcntl(descriptor, F_ADD_SEALS, seals) != 0))) {
        int reason = errno;
        close(descriptor);
        errno = reason;
        return -1;
    }
    return descriptor;
}

int host_memory_file(const char *name, off_t size) { return memory_file(name, size, 0); }

int host_shared_memory(const char *name, off_t size)
{
    return memory_file(name, size, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
}
