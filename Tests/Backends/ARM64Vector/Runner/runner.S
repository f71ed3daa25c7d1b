// Executes single A64 instructions on given operands and writes what they did: the oracle of the differential tests.
//
// A freestanding Linux program for aarch64. Standard input, all little-endian:
//   u32 words, u32 controls, u32 operands, u32 zero
//   u32 instruction words[words], padded to 8 bytes
//   u64 FPCR values[controls]
//   operands[operands], 96 bytes each: u64 X0, X1, X2, NZCV (bits 31:28); V0, V1, V2, V3
// Standard output, for each word, control and operand in this order, 32 bytes: V2, X2, u32 FPSR, u32 NZCV (bits 31:28) plus
// bit 0: the word is undefined (the rest is then zero).
// Instructions read X0, X1, V0, V1, V3 and write X2, V2 (and read it); others may clobber any register but SP.

        .equ    INPUT_SIZE, 1 << 26
        .equ    OUTPUT_SIZE, 1 << 16
        .equ    SLOTS_SIZE, 1 << 20     // 131072 words

        .text
        .globl  _start
_start:
        // Read all input.
        adrp    x20, input
        add     x20, x20, :lo12:input
        mov     x21, x20
1:      mov     x0, #0
        mov     x1, x21
        mov     x2, #INPUT_SIZE
        mov     x8, #63                 // read
        svc     #0
        cmp     x0, #0
        b.le    2f
        add     x21, x21, x0
        b       1b

        // SIGILL goes to `illegal`.
2:      mov     x0, #4
        adrp    x1, action
        add     x1, x1, :lo12:action
        adr     x2, illegal
        str     x2, [x1]
        mov     x2, #0
        mov     x3, #8
        mov     x8, #134                // rt_sigaction
        svc     #0

        // Make the page of `slots` executable and fill it: each word, then a branch to `done`.
        adrp    x0, slots
        add     x0, x0, :lo12:slots
        mov     x1, #SLOTS_SIZE
        mov     x2, #7
        mov     x8, #226                // mprotect
        svc     #0
        ldr     w22, [x20]              // words
        ldr     w23, [x20, #4]          // controls
        ldr     w24, [x20, #8]          // operands
        add     x25, x20, #16           // the words
        adrp    x26, slots
        add     x26, x26, :lo12:slots
        mov     w0, #0
        adr     x4, done
3:      cmp     w0, w22
        b.hs    4f
        ldr     w1, [x25, w0, uxtw #2]
        add     x2, x26, w0, uxtw #3
        str     w1, [x2]
        add     x2, x2, #4
        sub     x3, x4, x2
        asr     x3, x3, #2
        and     w3, w3, #0x3FFFFFF
        mov     w5, #0x14000000
        orr     w3, w3, w5
        str     w3, [x2]
        dc      cvau, x2
        ic      ivau, x2
        add     w0, w0, #1
        b       3b
4:      dsb     ish
        isb
        add     x0, x25, w22, uxtw #2
        add     x0, x0, #7
        and     x27, x0, #~7            // the controls
        add     x28, x27, w23, uxtw #3  // the operands
        adrp    x19, output
        add     x19, x19, :lo12:output

        // State that an instruction cannot reach: the stack. 0 word, 8 control, 16 operand, 24 output, 32 to 72 the rest.
        sub     sp, sp, #128
        stp     x22, x23, [sp, #32]
        stp     x24, x26, [sp, #48]
        stp     x27, x28, [sp, #64]
        stp     xzr, xzr, [sp]
        stp     xzr, x19, [sp, #16]
        cbz     w22, finish

next:   ldp     x22, x23, [sp, #32]
        ldp     x24, x26, [sp, #48]
        ldp     x27, x28, [sp, #64]
        ldp     x10, x11, [sp]
        ldr     x12, [sp, #16]
        ldr     x13, [x27, x11, lsl #3]
        msr     fpcr, x13
        msr     fpsr, xzr
        mov     x14, #96
        madd    x14, x12, x14, x28
        ldp     x0, x1, [x14]
        ldp     x2, x15, [x14, #16]
        msr     nzcv, x15
        ldp     q0, q1, [x14, #32]
        ldp     q2, q3, [x14, #64]
        add     x16, x26, x10, lsl #3
        br      x16

done:   str     x2, [sp, #80]
        mrs     x3, fpsr
        mrs     x4, nzcv
emit:   ldr     x19, [sp, #24]
        str     q2, [x19]
        ldr     x2, [sp, #80]
        str     x2, [x19, #16]
        stp     w3, w4, [x19, #24]
        add     x19, x19, #32
        adrp    x5, output
        add     x5, x5, :lo12:output
        sub     x6, x19, x5
        cmp     x6, #16, lsl #12
        b.lo    5f
        bl      flush
5:      str     x19, [sp, #24]
        // Operand, then control, then word.
        ldp     x22, x23, [sp, #32]
        ldr     x24, [sp, #48]
        ldp     x10, x11, [sp]
        ldr     x12, [sp, #16]
        add     x12, x12, #1
        cmp     x12, x24
        b.lo    6f
        mov     x12, #0
        add     x11, x11, #1
        cmp     x11, x23
        b.lo    6f
        mov     x11, #0
        add     x10, x10, #1
6:      stp     x10, x11, [sp]
        str     x12, [sp, #16]
        cmp     x10, x22
        b.lo    next
finish: ldr     x19, [sp, #24]
        bl      flush
        mov     x0, #0
        mov     x8, #93                 // exit
        svc     #0

        // Writes the output up to x19; x19 starts again.
flush:  adrp    x5, output
        add     x5, x5, :lo12:output
7:      cmp     x5, x19
        b.hs    8f
        mov     x0, #1
        mov     x1, x5
        sub     x2, x19, x5
        mov     x8, #64                 // write
        svc     #0
        cmp     x0, #0
        b.le    9f
        add     x5, x5, x0
        b       7b
8:      adrp    x19, output
        add     x19, x19, :lo12:output
        ret
9:      mov     x0, #1
        mov     x8, #93
        svc     #0

        // Signal handler: go on at `undefined`. The saved PC is at 0x1B8 of the ucontext.
illegal:
        adr     x3, undefined
        str     x3, [x2, #0x1B8]
        ret
undefined:
        movi    v2.2d, #0
        str     xzr, [sp, #80]
        mov     w3, #0
        mov     w4, #1
        b       emit

        .data
        .balign 8
action: .quad   0                       // handler
        .quad   4                       // SA_SIGINFO
        .quad   0
        .quad   0

        .bss
        .balign 4096
slots:  .skip   SLOTS_SIZE
        .balign 4096
output: .skip   OUTPUT_SIZE + 4096
        .balign 4096
input:  .skip   INPUT_SIZE
