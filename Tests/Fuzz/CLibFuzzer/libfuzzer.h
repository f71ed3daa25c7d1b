// libFuzzer as a library: LLVM, compiler-rt/lib/fuzzer/FuzzerInterface.h and FuzzerExtFunctions.h.
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *count, char ***arguments, int (*test)(const uint8_t *data, size_t size));
