#define _GNU_SOURCE
#include "HostBridge.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { MOST_DESCRIPTORS = 8 };

int host_send_descriptors(int socket, const void *bytes, size_t count, const int *descriptors, int descriptor_count)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
    } control;
    if (descriptor_count < 0 || descriptor_count > MOST_DESCRIPTORS)
        return EINVAL;
    size_t done = 0;
    while (done < count) {
        struct iovec piece = { (char *)bytes + done, count - done };
        struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
        if (done == 0 && descriptor_count > 0) {
            memset(&control, 0, sizeof control);
            message.msg_control = &control;
            message.msg_controllen = CMSG_SPACE((size_t)descriptor_count * sizeof(int));
            struct cmsghdr *header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = SOL_SOCKET;
            header->cmsg_type = SCM_RIGHTS;
            header->cmsg_len = CMSG_LEN((size_t)descriptor_count * sizeof(int));
            memcpy(CMSG_DATA(header), descriptors, (size_t)descriptor_count * sizeof(int));
        }
        ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno;
        done += (size_t)sent;
    }
    return 0;
}
