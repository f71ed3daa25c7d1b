#pragma once

#include <stdint.h>

// A machine made with nothing but ioctls, whose guest reads and writes one device register for ever: what any monitor costs at
// least. The register is port 0x510 in real mode on x86_64, a word at 0x0A00'0000 with the MMU off on arm64. The machine has KVM's
// interrupt controllers, as any guest's has. Returns a handle of 0 or more, or -errno.
int bare_machine_create(void);

// Handles `exits` exits; returns the nanoseconds that it took, or -1 when the guest did something else.
int64_t bare_machine_run(int handle, int64_t exits);

// CLOCK_MONOTONIC in nanoseconds.
int64_t monotonic_nanoseconds(void);
