#include "HostSupport.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int attach(const char *path, int file, unsigned int sector_size, bool read_only)
{
    int device = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (device < 0)
        return -1;
    struct loop_config config = {
        .fd = (unsigned int)file,
        .block_size = sector_size,
        .info.lo_flags = LO_FLAGS_AUTOCLEAR | (read_only ? LO_FLAGS_READ_ONLY : 0),
    };
    if (ioctl(device, LOOP_CONFIGURE, &config) == 0)
        return device;
    int reason = errno;
    close(device);
    errno = reason;
    return -1;
}

int host_loop_device(int file, unsigned int sector_size, bool read_only, char *path, unsigned long size)
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0)
        return -1;
    int device = -1;
    // Another may take the free one first.
    for (int tries = 0; tries < 8 && device < 0; tries++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0)
            break;
        snprintf(path, size, "/dev/loop%d", number);
        device = attach(path, file, sector_size, read_only);
        if (device < 0 && errno != EBUSY)
            break;
    }
    int reason = errno;
    close(control);
    errno = reason;
    return device;
}
