#include "LeftOut.h"
#include <capstone/capstone.h>

// Capstone's table of architectures names two functions of each, and these draw in its tables: all but those of our guests are refused
// like an architecture that capstone was built without. Source: capstone 4.0.2 and 5.0.6, cs.c, cs_open.

typedef struct cs_struct cs_struct;

#define LEFT_OUT(architecture)                                                \
    cs_err architecture##_global_init(cs_struct *);                           \
    cs_err architecture##_option(cs_struct *, cs_opt_type, size_t);           \
    cs_err architecture##_global_init(cs_struct *handle) {                    \
        (void)handle;                                                         \
        return CS_ERR_ARCH;                                                   \
    }                                                                         \
    cs_err architecture##_option(cs_struct *handle, cs_opt_type type, size_t value) { \
        (void)handle, (void)type, (void)value;                                \
        return CS_ERR_ARCH;                                                   \
    }

LEFT_OUT(ARM)
LEFT_OUT(BPF)
LEFT_OUT(EVM)
LEFT_OUT(M680X)
LEFT_OUT(M68K)
LEFT_OUT(MOS65XX)
LEFT_OUT(Mips)
LEFT_OUT(PPC)
LEFT_OUT(RISCV)
LEFT_OUT(SH)
LEFT_OUT(Sparc)
LEFT_OUT(SystemZ)
LEFT_OUT(TMS320C64x)
LEFT_OUT(TRICORE)
LEFT_OUT(WASM)
LEFT_OUT(XCore)
