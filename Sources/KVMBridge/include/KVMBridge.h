// The ioctls of /dev/kvm that swvmm uses, one function each, without policy. Each returns a value of 0 or more, or -errno.
// Source: Linux Documentation/virt/kvm/api.rst.
#pragma once

#include <errno.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

// <linux/kvm.h> defines it for x86 only; its number is every architecture's.
#ifndef KVM_CAP_PIT2
#define KVM_CAP_PIT2 33
#endif

// Since Linux 6.16: younger than the headers that this is built with may be.
#ifndef KVM_CAP_ARM_EL2
#define KVM_CAP_ARM_EL2 240
#endif
#ifdef __aarch64__
#ifndef KVM_DEV_ARM_VGIC_GRP_MAINT_IRQ
#define KVM_DEV_ARM_VGIC_GRP_MAINT_IRQ 9
#endif
#endif

#pragma clang assume_nonnull begin

// The device.

int swvmm_kvm_get_api_version(int kvm);
int swvmm_kvm_check_extension(int kvm_or_vm, unsigned capability);
// `type` is the architecture's: 0 on x86, the bits of the guest's physical addresses on arm64 (0: 40).
int swvmm_kvm_create_vm(int kvm, unsigned long type);
int swvmm_kvm_get_vcpu_mmap_size(int kvm);

// A virtual machine.

int swvmm_kvm_create_vcpu(int vm, unsigned index);
int swvmm_kvm_set_user_memory_region(int vm, const struct kvm_userspace_memory_region *region);
int swvmm_kvm_get_dirty_log(int vm, uint32_t slot, void *bitmap);
int swvmm_kvm_create_device(int vm, uint32_t type);
// 0 when a device of the type could be created, which is not done.
int swvmm_kvm_test_device(int vm, uint32_t type);
int swvmm_kvm_set_device_attr(int device, uint32_t group, uint64_t attribute, const void *value);
// An attribute that has no value: setting it does something.
int swvmm_kvm_do_device_attr(int device, uint32_t group, uint64_t attribute);
int swvmm_kvm_get_device_attr(int device, uint32_t group, uint64_t attribute, void *value);
int swvmm_kvm_irq_line(int vm, uint32_t gsi, uint32_t level);
int swvmm_kvm_signal_msi(int vm, const struct kvm_msi *msi);
// Replaces the whole table; -E2BIG when there are more than it can have here.
int swvmm_kvm_set_gsi_routing(int vm, const struct kvm_irq_routing_entry *_Nullable entries, uint32_t count);
int swvmm_kvm_irqfd(int vm, const struct kvm_irqfd *irqfd);
int swvmm_kvm_ioeventfd(int vm, const struct kvm_ioeventfd *ioeventfd);

// A vCPU.

int swvmm_kvm_set_guest_debug(int vcpu, const struct kvm_guest_debug *debug);

#ifdef __x86_64__

// Copies at most `capacity` entries into `entries`; returns their count, or -E2BIG when there are more.
int swvmm_kvm_get_supported_cpuid(int kvm, struct kvm_cpuid_entry2 *entries, uint32_t capacity);
int swvmm_kvm_create_irqchip(int vm);
// KVM_CAP_SPLIT_IRQCHIP: local APICs only; `reserved` global system interrupts are an I/O APIC's.
int swvmm_kvm_enable_split_irqchip(int vm, uint32_t reserved);
// `reasons` are KVM_MSR_EXIT_REASON_ bits: which refused accesses lead to an exit.
int swvmm_kvm_enable_user_space_msr(int vm, uint64_t reasons);
// -EEXIST while the last one has not been taken.
int swvmm_kvm_interrupt(int vcpu, uint8_t vector);
int swvmm_kvm_set_tss_addr(int vm, uint64_t address);
int swvmm_kvm_set_identity_map_addr(int vm, uint64_t address);
int swvmm_kvm_create_pit2(int vm, const struct kvm_pit_config *configuration);
int swvmm_kvm_set_cpuid2(int vcpu, const struct kvm_cpuid_entry2 *entries, uint32_t count);
int swvmm_kvm_get_tsc_khz(int vcpu);
int swvmm_kvm_get_regs(int vcpu, struct kvm_regs *registers);
int swvmm_kvm_set_regs(int vcpu, const struct kvm_regs *registers);
int swvmm_kvm_get_sregs(int vcpu, struct kvm_sregs *registers);
int swvmm_kvm_set_sregs(int vcpu, const struct kvm_sregs *registers);
int swvmm_kvm_translate(int vcpu, struct kvm_translation *translation);

#endif

#ifdef __aarch64__

int swvmm_kvm_arm_preferred_target(int vm, struct kvm_vcpu_init *init);
int swvmm_kvm_arm_vcpu_init(int vcpu, const struct kvm_vcpu_init *init);
// A guest's SYSTEM_SUSPEND is an exit.
int swvmm_kvm_arm_enable_system_suspend(int vm);
// What becomes of the calls of `count` functions from `base` on: a KVM_SMCCC_FILTER_ number.
int swvmm_kvm_arm_set_smccc_filter(int vm, uint32_t base, uint32_t count, uint8_t action);
// `feature` is the number of a KVM_ARM_VCPU_ bit.
int swvmm_kvm_arm_vcpu_finalize(int vcpu, int feature);
// `value` has as many bytes as the identifier says.
int swvmm_kvm_get_one_reg(int vcpu, uint64_t identifier, void *value);
int swvmm_kvm_set_one_reg(int vcpu, uint64_t identifier, const void *value);
// Copies at most `capacity` identifiers into `identifiers`; returns their count, or -E2BIG when there are more.
int swvmm_kvm_get_reg_list(int vcpu, uint64_t *identifiers, uint64_t capacity);

// Whether a vCPU runs: a KVM_MP_STATE_ number.
int swvmm_kvm_get_mp_state(int vcpu, uint32_t *state);
int swvmm_kvm_set_mp_state(int vcpu, uint32_t state);
// `events` is a struct kvm_vcpu_events.
int swvmm_kvm_get_vcpu_events(int vcpu, void *events);
int swvmm_kvm_set_vcpu_events(int vcpu, const void *events);

// Fields of arrays, which Swift sees as tuples. `index` is below KVM_ARM_MAX_DBG_REGS.
static inline void swvmm_kvm_arm_set_breakpoint(struct kvm_guest_debug *debug, unsigned index, uint64_t control, uint64_t value) {
    debug->arch.dbg_bcr[index] = control;
    debug->arch.dbg_bvr[index] = value;
}

static inline void swvmm_kvm_arm_set_watchpoint(struct kvm_guest_debug *debug, unsigned index, uint64_t control, uint64_t value) {
    debug->arch.dbg_wcr[index] = control;
    debug->arch.dbg_wvr[index] = value;
}

// CNTFRQ_EL0: the frequency of the host's generic timer in Hz, and of its guests'.
static inline uint64_t swvmm_counter_frequency(void) {
    uint64_t frequency;
    __asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
    return frequency;
}

#endif

// KVM_RUN on the thread with this number: 0, -errno, or swvmm_kvm_another_thread without an entry when it is not the calling one's.
enum { swvmm_kvm_another_thread = 1 };
int swvmm_kvm_run(int vcpu, int32_t thread);

// Where a device read of guest memory is answered: Swift knows no offsetof.
enum { swvmm_kvm_mmio_data_offset = offsetof(struct kvm_run, mmio.data) };

// kvm_run.immediate_exit is written by any thread while the vCPU's thread clears it: atomics, which Swift cannot form on
// a field of an imported struct.

static inline void swvmm_kvm_raise_immediate_exit(struct kvm_run *run) {
    __atomic_store_n(&run->immediate_exit, 1, __ATOMIC_SEQ_CST);
}

static inline uint8_t swvmm_kvm_take_immediate_exit(struct kvm_run *run) {
    return __atomic_exchange_n(&run->immediate_exit, 0, __ATOMIC_SEQ_CST);
}

// The calling thread's number, and a signal to one thread of this process: glibc's are behind _GNU_SOURCE. `swvmm_kvm_run` knows a
// thread by its number after the first call.

int32_t swvmm_thread_number(void);
int swvmm_signal_thread(int32_t thread, int signal);

#pragma clang assume_nonnull end
