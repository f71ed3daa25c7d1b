// Start of a bare-metal program by multiboot: 32-bit protected mode, without paging, with a descriptor for each vector.
// Source: GNU Multiboot Specification 0.6.96 §3.2; Intel SDM vol. 3A chapter 6.

        .section .head, "ax"
        .global _start
        .balign 4
        .long   0x1BADB002, 0, -0x1BADB002
_start: cli
        mov     $stack_top, %esp
        push    %ebx
        lgdt    gdt_pointer
        ljmp    $8, $1f
1:      mov     $16, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %fs
        mov     %ax, %gs
        mov     %ax, %ss
        mov     $entries, %esi
        mov     $idt, %edi
        mov     $256, %ecx
2:      mov     (%esi), %eax
        mov     %ax, (%edi)
        movw    $8, 2(%edi)
        movw    $0x8E00, 4(%edi)
        shr     $16, %eax
        mov     %ax, 6(%edi)
        add     $4, %esi
        add     $8, %edi
        loop    2b
        lidt    idt_pointer
        call    main
3:      hlt
        jmp     3b

        .section .rodata
        .balign 4
entries:
        .text
        .set    vector, 0
        .rept   256
        .pushsection .rodata
        .long   9f
        .popsection
9:
        // Those exceptions that come with an error code have pushed it.
        .if     !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
        push    $0
        .endif
        push    $vector
        jmp     common
        .set    vector, vector + 1
        .endr

// Interrupts stay off, and the flags are lost: whoever takes one expects that. KVMs that interpret know no IRET in protected mode.
common: pusha
        push    %esp
        call    handle
        add     $4, %esp
        popa
        add     $8, %esp
        lret    $4

        // The second CPU's way from real mode, wherever this is copied to.
        .section .rodata
        .global second_start, second_start_end
        .code16
second_start:
        cli
        mov     %cs, %ax
        mov     %ax, %ds
        lgdtl   second_gdt_pointer - second_start
        mov     %cr0, %eax
        or      $1, %eax
        mov     %eax, %cr0
        ljmpl   $8, $second_entry
second_gdt_pointer:
        .word   23
        .long   gdt
second_start_end:
        .code32
        .text
second_entry:
        mov     $16, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %fs
        mov     %ax, %gs
        mov     %ax, %ss
        mov     $second_stack_top, %esp
        lidt    idt_pointer
        call    second
4:      hlt
        jmp     4b

        .section .rodata
        .balign 8
gdt:    .quad   0, 0x00CF9A000000FFFF, 0x00CF92000000FFFF
gdt_pointer:
        .word   23
        .long   gdt
idt_pointer:
        .word   2047
        .long   idt

        .bss
        .balign 16
idt:    .skip   2048
        .skip   16384
stack_top:
        .skip   4096
second_stack_top:

        .section .note.GNU-stack, "", @progbits
