#define _GNU_SOURCE
#include "HostBridge.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

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

int host_disk_device_facts(int descriptor, unsigned long long *size, unsigned int *physical_block)
{
    return ioctl(descriptor, BLKGETSIZE64, size) == 0 && ioctl(descriptor, BLKPBSZGET, physical_block) == 0 ? 0 : errno;
}

int host_memory_file(const char *name, off_t size)
{
    int descriptor = memfd_create(name, MFD_CLOEXEC);
    if (descriptor >= 0 && ftruncate(descriptor, size) != 0) {
        int reason = errno;
        close(descriptor);
        errno = reason;
        return -1;
    }
    return descriptor;
}
