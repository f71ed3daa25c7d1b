// Entries of the arm64 unikernel. Lead to kernel_main(kind, pointer, 0, counter at entry) on the boot stack, at EL1, MMU on
// with a coarse identity map, interrupts off.

// swvmm: type 1, version 1: "enter me at e_entry with FreeBSD kernel metadata in x0".
    .section .note.swvmm, "a", %note
    .balign 4
    .long 6, 4, 1
    .asciz "swvmm"
    .balign 4
    .long 1

// x0: metadata records (swvmm), a device tree, or 0 (a bare ELF loader).
    .section .text.entry, "ax"
    .globl _start
_start:
    msr DAIFSet, #15
    mov x20, x0
    mov x21, #0
    ldr x22, =boot_stack_top
    b enter_el1

// A secondary CPU, by PSCI CPU_ON: x0 is the top of its stack.
    .globl secondary_start
secondary_start:
    msr DAIFSet, #15
    mov x22, x0
    mov x21, #1

// x21: 0 the boot CPU, 1 another; x22: its stack.
enter_el1:
    mrs x1, CurrentEL
    cmp x1, #(2 << 2)
    b.ne at_el1
    // From EL2: EL1 is 64-bit, sees the counters and timers without traps, and the GIC's system registers.
    mov x1, #(1 << 31)                  // HCR_EL2.RW
    msr HCR_EL2, x1
    mrs x1, CNTHCTL_EL2
    orr x1, x1, #3                      // EL1PCEN, EL1PCTEN
    msr CNTHCTL_EL2, x1
    msr CNTVOFF_EL2, xzr
    mrs x1, ID_AA64PFR0_EL1
    ubfx x1, x1, #24, #4                // GIC system registers
    cbz x1, 1f
    mrs x1, S3_4_C12_C9_5               // ICC_SRE_EL2
    mov x2, #9                          // SRE, Enable
    orr x1, x1, x2
    msr S3_4_C12_C9_5, x1
    isb
1:  mov x1, #0x33FF                     // CPTR_EL2: no traps of vector registers
    msr CPTR_EL2, x1
    mov x1, #0x3C5                      // EL1h, DAIF set
    msr SPSR_EL2, x1
    adr x1, at_el1
    msr ELR_EL2, x1
    eret

at_el1:
    msr SPSel, #1
    mov x1, #(3 << 20)                  // CPACR_EL1.FPEN: the compiler uses vector registers
    msr CPACR_EL1, x1
    mrs x23, CNTVCT_EL0
    // MAIR: 0 Device-nGnRE, 1 Normal write-back.
    ldr x1, =0xFF04
    msr MAIR_EL1, x1
    // TCR: 39-bit addresses by TTBR0 (T0SZ 25), write-back inner shareable walks, 4 KiB, no TTBR1 walks, PA size below.
    ldr x1, =(25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 25 << 16 | 2 << 30)
    mrs x2, ID_AA64MMFR0_EL1
    and x2, x2, #7
    cmp x2, #5                          // 48 bits at most
    mov x3, #5
    csel x2, x2, x3, ls
    bfi x1, x2, #32, #3
    msr TCR_EL1, x1
    cbnz x21, 2f
    // The boot map: GiB 0 device memory, not executable, GiB 1 (where the kernel is) and 2, 3 normal.
    ldr x2, =boot_l1
    ldr x3, =0x0060000000000401         // block, AF, attribute 0, UXN, PXN
    str x3, [x2], #8
    ldr x3, =0x40000705                 // block, AF, inner shareable, attribute 1
    str x3, [x2], #8
    ldr x4, =0x40000000
    add x3, x3, x4
    str x3, [x2], #8
    add x3, x3, x4
    str x3, [x2]
    // Written with the MMU off: drop what a loader's caches may hold of the table, so that the walk sees memory.
    ldr x2, =boot_l1
    dc ivac, x2
    msr TTBR0_EL1, x2
    b 3f
2:  ldr x2, =kernel_ttbr0               // the kernel's own tables
    ldr x2, [x2]
    msr TTBR0_EL1, x2
3:  dsb sy
    tlbi vmalle1
    ic iallu
    dsb sy
    isb
    mrs x1, SCTLR_EL1
    ldr x2, =0x1005                     // M, C, I
    orr x1, x1, x2
    bic x1, x1, #2                      // A: no alignment checks
    bic x1, x1, #(1 << 19)              // WXN
    msr SCTLR_EL1, x1
    isb
    mov sp, x22
    mov x29, xzr                        // ends the call stack
    mov x30, xzr
    cbnz x21, 4f
    mov x0, x21
    mov x1, x20
    mov x2, xzr
    mov x3, x23
    bl kernel_main
4:  bl secondary_main
5:  wfi
    b 5b

    .ltorg

    .section .bss.boot, "aw", %nobits
    .balign 4096
boot_l1: .skip 4096
boot_stack: .skip 32768
boot_stack_top:

    // Set by the kernel before it starts another CPU, which reads it with its MMU off.
    .section .data.boot, "aw"
    .balign 64
    .globl kernel_ttbr0
kernel_ttbr0: .quad 0
    .balign 64
