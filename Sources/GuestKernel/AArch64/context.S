// Thread switch: the callee-saved registers of the AAPCS64 (x19 to x30, and the low halves of v8 to v15) go to the old stack
// and come from the new one.

    .text
    .globl switch_context
    .type switch_context, %function
switch_context:
    sub sp, sp, #160
    stp x29, x30, [sp]
    stp x19, x20, [sp, #16]
    stp x21, x22, [sp, #32]
    stp x23, x24, [sp, #48]
    stp x25, x26, [sp, #64]
    stp x27, x28, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    ldr x9, [x1]
    mov sp, x9
    ldp x29, x30, [sp]
    ldp x19, x20, [sp, #16]
    ldp x21, x22, [sp, #32]
    ldp x23, x24, [sp, #48]
    ldp x25, x26, [sp, #64]
    ldp x27, x28, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
    .size switch_context, . - switch_context

// A new thread comes here from switch_context, by the x30 the kernel put on its stack.
    .globl thread_entry
    .type thread_entry, %function
thread_entry:
    mov x29, xzr
    mov x30, xzr
    bl thread_main
    brk #0
    .size thread_entry, . - thread_entry
