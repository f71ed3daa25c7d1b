#pragma once

// What tests need of the host and Swift's Glibc module lacks.

// A non-blocking eventfd with the count 0, or -1.
int host_eventfd(void);
