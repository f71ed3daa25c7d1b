#define _GNU_SOURCE
#include "HostBridge.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

// The headers of older kernels lack them. Source: Linux 6.2, <linux/if_tun.h>.
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

static int set_header_size(int descriptor)
{
    int size = 12;
    return ioctl(descriptor, TUNSETVNETHDRSZ, &size) == 0 ? 0 : errno;
}

int host_tap_open(const char *name, bool is_multi_queue, int *descriptor)
{
    struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
    if (is_multi_queue)
        request.ifr_flags |= IFF_MULTI_QUEUE;
    if (strlen(name) >= sizeof request.ifr_name)
        return ENAMETOOLONG;
    strcpy(request.ifr_name, name);
    int opened = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (opened < 0)
        return errno;
    int reason = ioctl(opened, TUNSETIFF, &request) == 0 ? set_header_size(opened) : errno;
    if (reason != 0) {
        close(opened);
        return reason;
    }
    *descriptor = opened;
    return 0;
}

int host_tap_take(int descriptor)
{
    struct ifreq request = { 0 };
    if (ioctl(descriptor, TUNGETIFF, &request) != 0)
        return errno;
    if ((request.ifr_flags & IFF_TAP) == 0 || (request.ifr_flags & IFF_NO_PI) == 0 || (request.ifr_flags & IFF_VNET_HDR) == 0)
        return EINVAL;
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0)
        return errno;
    return set_header_size(descriptor);
}

int host_tap_offloads(int descriptor, bool checksum, bool tcp4, bool tcp6, bool ecn, bool udp)
{
    unsigned long flags = 0;
    // The kernel wants the checksum with all others.
    if (checksum)
        flags = TUN_F_CSUM | (tcp4 ? TUN_F_TSO4 : 0) | (tcp6 ? TUN_F_TSO6 : 0) | (ecn && (tcp4 || tcp6) ? TUN_F_TSO_ECN : 0) |
                (udp ? TUN_F_USO4 | TUN_F_USO6 : 0);
    return ioctl(descriptor, TUNSETOFFLOAD, flags) == 0 ? 0 : errno;
}
