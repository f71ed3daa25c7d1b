// What a secondary CPU runs first: copied to a page below 1 MiB, entered by the start-up IPI in real mode at the page's start.
// Goes to long mode in one step, with the kernel's tables, and on to secondary_entry.

    .section .rodata.trampoline, "a"
    .balign 16
    .globl trampoline_start, trampoline_end
    .code16
trampoline_start:
    cli
    cld
    xorl %ebx, %ebx
    movw %cs, %bx
    movw %bx, %ds
    shll $4, %ebx                       // EBX: where this page is
    lgdtl trampoline_gdt_pointer - trampoline_start
    movl $0x20, %eax                    // CR4.PAE
    movl %eax, %cr4
    movl trampoline_cr3 - trampoline_start, %eax
    movl %eax, %cr3
    movl $0xC0000080, %ecx              // IA32_EFER: LME, and NXE as on the boot CPU
    xorl %edx, %edx
    movl trampoline_efer - trampoline_start, %eax
    wrmsr
    movl $0x80010031, %eax              // CR0: PG, WP, NE, ET, PE
    movl %eax, %cr0
    ljmpl *(trampoline_target - trampoline_start)

    .balign 8
trampoline_gdt_pointer:
    .word 23
    .long boot_gdt
    .word 0
trampoline_target:
    .long secondary_entry
    .word 8
    .word 0
    .balign 8
// The kernel fills in these 24 bytes.
trampoline_cr3: .quad 0
trampoline_efer: .quad 0
trampoline_stack: .quad 0
trampoline_end:

    .text
    .code64
    .globl secondary_entry
    .type secondary_entry, @function
secondary_entry:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movq trampoline_stack - trampoline_start(%rbx), %rsp
    xorl %ebp, %ebp
    call secondary_main
1:  hlt
    jmp 1b
    .size secondary_entry, . - secondary_entry
