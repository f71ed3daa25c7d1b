#include "allocation_count.h"

#include <stdatomic.h>
#include <stddef.h>

// The runtime's own hook: swift_allocObject calls through it. Source: Swift, docs/Runtime.md.
extern void *(*_swift_allocObject)(const void *metadata, size_t size, size_t alignment_mask);

static void *(*original)(const void *, size_t, size_t);
static _Atomic uint64_t count;

static void *counting(const void *metadata, size_t size, size_t alignment_mask) {
    atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    return original(metadata, size, alignment_mask);
}

void allocation_count_start(void) {
    original = _swift_allocObject;
    _swift_allocObject = counting;
}

uint64_t allocation_count(void) { return atomic_load_explicit(&count, memory_order_relaxed); }
