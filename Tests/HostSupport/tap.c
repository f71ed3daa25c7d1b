#define _GNU_SOURCE // unshare
#include "HostSupport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int host_own_network(void)
{
    return unshare(CLONE_NEWNET) == 0 ? 0 : errno;
}

static int bring_up(int socket, const char *name)
{
    struct ifreq request = { 0 };
    strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
    if (ioctl(socket, SIOCGIFFLAGS, &request) != 0)
        return -1;
    request.ifr_flags |= IFF_UP;
    return ioctl(socket, SIOCSIFFLAGS, &request);
}

int host_packet_socket(const char *name, unsigned short type)
{
    int opened = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (opened < 0)
        return -1;
    int on = 1;
    struct timeval patience = { .tv_sec = 20 };
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(type),
        .sll_ifindex = (int)if_nametoindex(name),
    };
    if (bring_up(opened, name) == 0 && setsockopt(opened, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) == 0 &&
        setsockopt(opened, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
        bind(opened, (struct sockaddr *)&address, sizeof address) == 0)
        return opened;
    int reason = errno;
    close(opened);
    errno = reason;
    return -1;
}
