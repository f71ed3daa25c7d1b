// Thread switch: the callee-saved registers of the System V ABI go to the old stack and come from the new one.

    .text
    .globl switch_context
    .type switch_context, @function
switch_context:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq (%rsi), %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size switch_context, . - switch_context

// A new thread comes here from switch_context, by the return address the kernel put on its stack. RSP is 16-byte aligned.
    .globl thread_entry
    .type thread_entry, @function
thread_entry:
    xorl %ebp, %ebp
    call thread_main
    ud2
    .size thread_entry, . - thread_entry

// Loads the GDT at (RDI) and the segment registers from it.
    .globl load_gdt
    .type load_gdt, @function
load_gdt:
    lgdt (%rdi)
    pushq $8
    leaq 1f(%rip), %rax
    pushq %rax
    lretq
1:  movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    ret
    .size load_gdt, . - load_gdt
