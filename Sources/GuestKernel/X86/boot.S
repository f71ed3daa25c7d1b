// Entries of the x86_64 unikernel. All lead to kernel_main(kind, pointer, kernel end, TSC at entry) on the boot stack, in
// long mode, interrupts off, memory identity-mapped.

// PVH: "Xen", type 18 (XEN_ELFNOTE_PHYS32_ENTRY), the 32-bit entry. Source: Xen docs/misc/pvh.pandoc.
    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, 18
    .asciz "Xen"
    .long pvh_start

// swvmm: type 1, version 1: "enter me at e_entry with FreeBSD kernel metadata".
    .section .note.swvmm, "a", @note
    .balign 4
    .long 6, 4, 1
    .asciz "swvmm"
    .balign 4
    .long 1

// Native entry, 64-bit, as bhyveload leaves the CPU: RSP points to the 32-bit words {0, modulep, kernend}; its tables map
// the first GiB again and again, so only addresses below 1 GiB are what they seem until the kernel makes its own tables.
    .section .text.entry, "ax"
    .code64
    .globl _start
_start:
    cli
    cld
    rdtsc
    shlq $32, %rdx
    leaq (%rax,%rdx), %rcx
    movl 8(%rsp), %edx
    movl 4(%rsp), %esi
    xorl %edi, %edi
    jmp enter_kernel

// PVH entry, 32-bit, paging off, EBX = hvm_start_info. Maps the first GiB and goes to long mode.
    .code32
pvh_start:
    cli
    cld
    movl $boot_stack_top, %esp
    movl $boot_pml4, %edi
    leal boot_pdpt - boot_pml4 + 3(%edi), %eax
    movl %eax, (%edi)
    leal boot_pd - boot_pml4 + 3(%edi), %eax
    movl %eax, boot_pdpt - boot_pml4(%edi)
    addl $(boot_pd - boot_pml4), %edi
    movl $0x83, %eax                    // present, writable, 2 MiB
    movl $512, %ecx
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b
    movl %cr4, %eax
    orl $0x20, %eax                     // CR4.PAE
    movl %eax, %cr4
    movl $boot_pml4, %eax
    movl %eax, %cr3
    movl $0xC0000080, %ecx              // IA32_EFER
    rdmsr
    orl $0x100, %eax                    // LME
    wrmsr
    movl %cr0, %eax
    orl $0x80000001, %eax               // PG, PE
    movl %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $8, $pvh_start64

    .code64
pvh_start64:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    rdtsc
    shlq $32, %rdx
    leaq (%rax,%rdx), %rcx
    xorl %edx, %edx
    movl %ebx, %esi
    movl $1, %edi

enter_kernel:
    leaq boot_stack_top(%rip), %rsp
    xorl %ebp, %ebp                     // ends the call stack
    call kernel_main
1:  hlt
    jmp 1b

    .section .rodata.boot, "a"
    .balign 8
    .globl boot_gdt
boot_gdt:
    .quad 0
    .quad 0x00AF9B000000FFFF            // 0x08: 64-bit code
    .quad 0x00CF93000000FFFF            // 0x10: data
boot_gdt_pointer:
    .word boot_gdt_pointer - boot_gdt - 1
    .long boot_gdt

    .section .bss.boot, "aw", @nobits
    .balign 4096
boot_pml4: .skip 4096
boot_pdpt: .skip 4096
boot_pd: .skip 4096
boot_stack: .skip 32768
boot_stack_top:
