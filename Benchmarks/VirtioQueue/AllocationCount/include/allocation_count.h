// Counts what the program allocates.
#pragma once
#include <stdint.h>

// Allocations since the start of the program, by all threads.
uint64_t allocation_count(void);
