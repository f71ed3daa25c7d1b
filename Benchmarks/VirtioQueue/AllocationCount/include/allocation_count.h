// Counts the objects that the Swift runtime allocates: class instances, and the storage of arrays and closures.
#pragma once
#include <stdint.h>

// Counts from now on. Call it once, before other threads run.
void allocation_count_start(void);

// Objects allocated since the start, by all threads.
uint64_t allocation_count(void);
