#pragma once

#include <stdint.h>

// A machine made with nothing but ioctls, whose real-mode guest reads and writes port 0x510 for ever: what any monitor costs at
// least. Returns a handle of 0 or more, or -errno.
int bare_machine_create(void);

// Handles `exits` exits; returns the nanoseconds that it took, or -1 when the guest did something else.
int64_t bare_machine_run(int handle, int64_t exits);

// CLOCK_MONOTONIC in nanoseconds.
int64_t monotonic_nanoseconds(void);
