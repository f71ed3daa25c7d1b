#define _GNU_SOURCE
#include "CURing.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>

struct uring {
    struct io_uring ring;
};

struct uring *uring_open(unsigned int entries)
{
    struct uring *ring = calloc(1, sizeof *ring);
    if (ring == NULL)
        return NULL;
    struct io_uring_params parameters = { 0 };
    int status = io_uring_queue_init_params(entries, &ring->ring, &parameters);
    if (status == 0) {
        // Without it, arrays of iovec would have to live until their requests' end. Linux 5.5.
        if (parameters.features & IORING_FEAT_SUBMIT_STABLE)
            return ring;
        status = -ENOSYS;
        io_uring_queue_exit(&ring->ring);
    }
    free(ring);
    errno = -status;
    return NULL;
}

void uring_close(struct uring *ring)
{
    io_uring_queue_exit(&ring->ring);
    free(ring);
}

// Files are not registered with the ring: the kernel would keep them, and their locks, open for a while after the ring's end.
bool uring_prepare(struct uring *ring, enum uring_operation operation, int descriptor, const void *address,
                   unsigned int length, unsigned long long offset, unsigned long long tag)
{
    static const unsigned char codes[] = {
        [URING_READ] = IORING_OP_READ,          [URING_WRITE] = IORING_OP_WRITE,
        [URING_READ_VECTORS] = IORING_OP_READV, [URING_WRITE_VECTORS] = IORING_OP_WRITEV,
        [URING_SYNCHRONIZE] = IORING_OP_FSYNC,
    };
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->ring);
    if (entry == NULL)
        return false;
    io_uring_prep_rw(codes[operation], entry, descriptor, address, length, offset);
    if (operation == URING_SYNCHRONIZE)
        entry->fsync_flags = IORING_FSYNC_DATASYNC;
    entry->user_data = tag;
    return true;
}

bool uring_prepare_allocate(struct uring *ring, int descriptor, int mode, unsigned long long offset,
                            unsigned long long length, unsigned long long tag)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->ring);
    if (entry == NULL)
        return false;
    io_uring_prep_fallocate(entry, descriptor, mode, offset, length);
    entry->user_data = tag;
    return true;
}

bool uring_prepare_nothing(struct uring *ring, unsigned long long tag)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->ring);
    if (entry == NULL)
        return false;
    io_uring_prep_nop(entry);
    entry->user_data = tag;
    return true;
}

int uring_submit(struct uring *ring)
{
    while (io_uring_sq_ready(&ring->ring) > 0) {
        int count = io_uring_submit(&ring->ring);
        if (count == 0)
            return EAGAIN;
        if (count < 0 && count != -EINTR)
            return -count;
    }
    return 0;
}

int uring_take(struct uring *ring, bool waits, unsigned long long *tag, int *result)
{
    struct io_uring_cqe *entry = NULL;
    int status = waits ? io_uring_wait_cqe(&ring->ring, &entry) : io_uring_peek_cqe(&ring->ring, &entry);
    if (status != 0)
        return -status;
    *tag = entry->user_data;
    *result = entry->res;
    io_uring_cqe_seen(&ring->ring, entry);
    return 0;
}
