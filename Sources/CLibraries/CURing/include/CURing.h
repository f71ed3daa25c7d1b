// liburing, whose headers Swift cannot import beside the C library's (they ask for another edition of that): one function a step, no
// policy.
#pragma once
#include <stdbool.h>

// A ring of requests about open files.
struct uring;

// Null, with errno, where the host refuses it.
struct uring *uring_open(unsigned int entries);
void uring_close(struct uring *ring);

enum uring_operation {
    // `address` and `length` are memory.
    URING_READ,
    URING_WRITE,
    // `address` and `length` are an array of iovec, which must live until the request was submitted.
    URING_READ_VECTORS,
    URING_WRITE_VECTORS,
    // fdatasync.
    URING_SYNCHRONIZE,
};

// Prepare a request. False: the ring is full.
bool uring_prepare(struct uring *ring, enum uring_operation operation, int descriptor, const void *address,
                   unsigned int length, unsigned long long offset, unsigned long long tag);
bool uring_prepare_allocate(struct uring *ring, int descriptor, int mode, unsigned long long offset,
                            unsigned long long length, unsigned long long tag);
// Does nothing and completes at once.
bool uring_prepare_nothing(struct uring *ring, unsigned long long tag);

// Gives the kernel what was prepared: all of it, or none when it refuses. 0 or an errno.
int uring_submit(struct uring *ring);

// Takes a completion; `result` is a count of bytes, 0, or a negative errno. 0 or an errno: EAGAIN when there is none and none is waited for.
int uring_take(struct uring *ring, bool waits, unsigned long long *tag, int *result);
