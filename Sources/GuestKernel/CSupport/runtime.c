// Names that Embedded Swift's runtime asks for, handed to the kernel's heap. In C because Swift refuses to define `free`.
#include <stddef.h>
#include <stdint.h>

uint64_t heap_allocate(uint64_t size, uint64_t alignment);
void heap_free(uint64_t address);

int posix_memalign(void **result, size_t alignment, size_t size) {
    uint64_t address = heap_allocate(size, alignment);
    *result = (void *)address;
    return address == 0 ? 12 /* ENOMEM */ : 0;
}

void free(void *block) {
    if (block) heap_free((uint64_t)block);
}

// Seeds of Swift's hashing, which this kernel does not use: constant.
void arc4random_buf(void *buffer, size_t count) {
    for (uint8_t *at = buffer; count > 0; count--) *at++ = 0x5A;
}
