// Start of a bare-metal program in the Linux Image format: position-independent, at EL1 with the MMU off.
// Source: Linux Documentation/arch/arm64/booting.rst, "Call the kernel image".

        .section .head, "ax"
        .global _start
_start: b       begin
        .word   0
        .quad   0                       // text_offset
        .quad   0x200000                // image_size
        .quad   0b1010                  // flags: little-endian, 4 KiB pages, anywhere
        .quad   0, 0, 0
        .ascii  "ARM\x64"
        .word   0

begin:  mov     x20, x0
        adrp    x0, stack_top
        add     x0, x0, :lo12:stack_top
        mov     sp, x0
        adrp    x0, vectors
        add     x0, x0, :lo12:vectors
        msr     vbar_el1, x0
        mov     x0, #3 << 20
        msr     cpacr_el1, x0
        isb
        mov     x0, x20
        bl      main
        // Exit with what main gave.
        adrp    x1, exit_block
        add     x1, x1, :lo12:exit_block
        mov     x2, #0x26
        movk    x2, #2, lsl #16
        stp     x2, x0, [x1]
        mov     w0, #0x18
        hlt     #0xF000
        b       .

// Another CPU begins here, by PSCI CPU_ON: its context is the end of its stack.
        .global another_cpu
        .weak   work
another_cpu:
        mov     sp, x0
        adrp    x0, vectors
        add     x0, x0, :lo12:vectors
        msr     vbar_el1, x0
        isb
        bl      work
        b       .

        .text
        .global semihost
semihost:
        hlt     #0xF000
        ret

// uint64_t attempt(uint64_t pc, uint64_t spsr, uint64_t sp, uint64_t x0): goes there by ERET and comes back with the first
// exception, whose registers it leaves in `caught`.
        .global attempt
attempt:
        stp     x29, x30, [sp, #-160]!
        stp     x19, x20, [sp, #16]
        stp     x21, x22, [sp, #32]
        stp     x23, x24, [sp, #48]
        stp     x25, x26, [sp, #64]
        stp     x27, x28, [sp, #80]
        mrs     x9, mdscr_el1
        mrs     x10, daif
        stp     x9, x10, [sp, #96]
        adrp    x9, kernel_sp
        mov     x10, sp
        str     x10, [x9, :lo12:kernel_sp]
        msr     elr_el1, x0
        msr     spsr_el1, x1
        tbz     x1, #2, 1f
        tbz     x1, #0, 1f
        mov     x9, x2
        b       2f
1:      msr     sp_el0, x2
        mov     x9, x10
2:      mov     x0, x3
        mov     x1, x4
        // The last thing that uses the stack was above.
        mov     sp, x9
        eret

        .balign 2048
        .global vectors
vectors:
        .set    number, 0
        .rept   16
        .balign 128
        msr     tpidr_el1, x9
        mov     x9, #number
        b       caught_one
        .set    number, number + 1
        .endr

caught_one:
        msr     daifset, #15
        adrp    x10, caught
        add     x10, x10, :lo12:caught
        str     x9, [x10]
        mrs     x11, esr_el1
        mrs     x12, far_el1
        stp     x11, x12, [x10, #8]
        mrs     x11, elr_el1
        mrs     x12, spsr_el1
        stp     x11, x12, [x10, #24]
        stp     x0, x1, [x10, #40]
        msr     spsel, #1
        adrp    x9, kernel_sp
        ldr     x10, [x9, :lo12:kernel_sp]
        mov     sp, x10
        ldp     x9, x10, [sp, #96]
        msr     mdscr_el1, xzr
        isb
        ldp     x19, x20, [sp, #16]
        ldp     x21, x22, [sp, #32]
        ldp     x23, x24, [sp, #48]
        ldp     x25, x26, [sp, #64]
        ldp     x27, x28, [sp, #80]
        ldp     x29, x30, [sp], #160
        ret

        .bss
        .balign 4096
        .global caught
caught: .skip   64
kernel_sp:
        .skip   8
exit_block:
        .skip   16
        .balign 16
        .skip   16384
stack_top:
