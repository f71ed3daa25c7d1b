#include "KVMBridge.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int result(int value) { return value < 0 ? -errno : value; }

int swvmm_kvm_get_api_version(int kvm) { return result(ioctl(kvm, KVM_GET_API_VERSION, 0)); }

int swvmm_kvm_check_extension(int kvm_or_vm, unsigned capability) {
    return result(ioctl(kvm_or_vm, KVM_CHECK_EXTENSION, (unsigned long)capability));
}

int swvmm_kvm_create_vm(int kvm, unsigned long type) { return result(ioctl(kvm, KVM_CREATE_VM, type)); }

int swvmm_kvm_get_vcpu_mmap_size(int kvm) { return result(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0)); }

int swvmm_kvm_create_vcpu(int vm, unsigned index) {
    return result(ioctl(vm, KVM_CREATE_VCPU, (unsigned long)index));
}

int swvmm_kvm_set_user_memory_region(int vm, const struct kvm_userspace_memory_region *region) {
    return result(ioctl(vm, KVM_SET_USER_MEMORY_REGION, region));
}

int swvmm_kvm_get_dirty_log(int vm, uint32_t slot, void *bitmap) {
    struct kvm_dirty_log log = {.slot = slot, .dirty_bitmap = bitmap};
    return result(ioctl(vm, KVM_GET_DIRTY_LOG, &log));
}

int swvmm_kvm_create_device(int vm, uint32_t type) {
    struct kvm_create_device device = {.type = type};
    int status = result(ioctl(vm, KVM_CREATE_DEVICE, &device));
    return status < 0 ? status : (int)device.fd;
}

int swvmm_kvm_test_device(int vm, uint32_t type) {
    struct kvm_create_device device = {.type = type, .flags = KVM_CREATE_DEVICE_TEST};
    return result(ioctl(vm, KVM_CREATE_DEVICE, &device));
}

int swvmm_kvm_set_device_attr(int device, uint32_t group, uint64_t attribute, const void *value) {
    struct kvm_device_attr attr = {.group = group, .attr = attribute, .addr = (uintptr_t)value};
    return result(ioctl(device, KVM_SET_DEVICE_ATTR, &attr));
}

int swvmm_kvm_do_device_attr(int device, uint32_t group, uint64_t attribute) {
    struct kvm_device_attr attr = {.group = group, .attr = attribute};
    return result(ioctl(device, KVM_SET_DEVICE_ATTR, &attr));
}

int swvmm_kvm_get_device_attr(int device, uint32_t group, uint64_t attribute, void *value) {
    struct kvm_device_attr attr = {.group = group, .attr = attribute, .addr = (uintptr_t)value};
    return result(ioctl(device, KVM_GET_DEVICE_ATTR, &attr));
}

int swvmm_kvm_irq_line(int vm, uint32_t gsi, uint32_t level) {
    struct kvm_irq_level line = {.irq = gsi, .level = level};
    return result(ioctl(vm, KVM_IRQ_LINE, &line));
}

int swvmm_kvm_signal_msi(int vm, const struct kvm_msi *msi) { return result(ioctl(vm, KVM_SIGNAL_MSI, msi)); }

int swvmm_kvm_irqfd(int vm, const struct kvm_irqfd *irqfd) { return result(ioctl(vm, KVM_IRQFD, irqfd)); }

int swvmm_kvm_ioeventfd(int vm, const struct kvm_ioeventfd *ioeventfd) {
    return result(ioctl(vm, KVM_IOEVENTFD, ioeventfd));
}

int swvmm_kvm_set_guest_debug(int vcpu, const struct kvm_guest_debug *debug) {
    return result(ioctl(vcpu, KVM_SET_GUEST_DEBUG, debug));
}

enum { routing_capacity = 1024 };

// kvm_irq_routing ends in a flexible array: this has its layout and lives on the stack.
struct routing_table {
    uint32_t nr;
    uint32_t flags;
    struct kvm_irq_routing_entry entries[routing_capacity];
};

_Static_assert(offsetof(struct routing_table, entries) == offsetof(struct kvm_irq_routing, entries), "layout of kvm_irq_routing");

int swvmm_kvm_set_gsi_routing(int vm, const struct kvm_irq_routing_entry *entries, uint32_t count) {
    struct routing_table table;
    if (count > routing_capacity) return -E2BIG;
    table.nr = count;
    table.flags = 0;
    if (count > 0) memcpy(table.entries, entries, count * sizeof *entries);
    return result(ioctl(vm, KVM_SET_GSI_ROUTING, &table));
}

#ifdef __x86_64__

enum { cpuid_capacity = 256 };

// kvm_cpuid2 ends in a flexible array, which Swift cannot import: this has its layout and lives on the stack.
struct cpuid_table {
    uint32_t nent;
    uint32_t padding;
    struct kvm_cpuid_entry2 entries[cpuid_capacity];
};

_Static_assert(offsetof(struct cpuid_table, entries) == offsetof(struct kvm_cpuid2, entries), "layout of kvm_cpuid2");

int swvmm_kvm_get_supported_cpuid(int kvm, struct kvm_cpuid_entry2 *entries, uint32_t capacity) {
    struct cpuid_table table = {.nent = cpuid_capacity};
    int status = result(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &table));
    if (status < 0) return status;
    if (table.nent > capacity) return -E2BIG;
    memcpy(entries, table.entries, table.nent * sizeof *entries);
    return (int)table.nent;
}

int swvmm_kvm_set_cpuid2(int vcpu, const struct kvm_cpuid_entry2 *entries, uint32_t count) {
    struct cpuid_table table = {.nent = count};
    if (count > cpuid_capacity) return -E2BIG;
    memcpy(table.entries, entries, count * sizeof *entries);
    return result(ioctl(vcpu, KVM_SET_CPUID2, &table));
}

int swvmm_kvm_create_irqchip(int vm) { return result(ioctl(vm, KVM_CREATE_IRQCHIP, 0)); }

int swvmm_kvm_enable_split_irqchip(int vm, uint32_t reserved) {
    struct kvm_enable_cap cap = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {reserved}};
    return result(ioctl(vm, KVM_ENABLE_CAP, &cap));
}

int swvmm_kvm_enable_user_space_msr(int vm, uint64_t reasons) {
    struct kvm_enable_cap cap = {.cap = KVM_CAP_X86_USER_SPACE_MSR, .args = {reasons}};
    return result(ioctl(vm, KVM_ENABLE_CAP, &cap));
}

int swvmm_kvm_interrupt(int vcpu, uint8_t vector) {
    struct kvm_interrupt interrupt = {.irq = vector};
    return result(ioctl(vcpu, KVM_INTERRUPT, &interrupt));
}

int swvmm_kvm_set_tss_addr(int vm, uint64_t address) {
    return result(ioctl(vm, KVM_SET_TSS_ADDR, (unsigned long)address));
}

int swvmm_kvm_set_identity_map_addr(int vm, uint64_t address) {
    return result(ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &address));
}

int swvmm_kvm_create_pit2(int vm, const struct kvm_pit_config *configuration) {
    return result(ioctl(vm, KVM_CREATE_PIT2, configuration));
}

int swvmm_kvm_get_tsc_khz(int vcpu) { return result(ioctl(vcpu, KVM_GET_TSC_KHZ, 0)); }

int swvmm_kvm_get_regs(int vcpu, struct kvm_regs *registers) {
    return result(ioctl(vcpu, KVM_GET_REGS, registers));
}

int swvmm_kvm_set_regs(int vcpu, const struct kvm_regs *registers) {
    return result(ioctl(vcpu, KVM_SET_REGS, registers));
}

int swvmm_kvm_get_sregs(int vcpu, struct kvm_sregs *registers) {
    return result(ioctl(vcpu, KVM_GET_SREGS, registers));
}

int swvmm_kvm_set_sregs(int vcpu, const struct kvm_sregs *registers) {
    return result(ioctl(vcpu, KVM_SET_SREGS, registers));
}

int swvmm_kvm_translate(int vcpu, struct kvm_translation *translation) {
    return result(ioctl(vcpu, KVM_TRANSLATE, translation));
}

#endif

#ifdef __aarch64__

int swvmm_kvm_arm_preferred_target(int vm, struct kvm_vcpu_init *init) {
    return result(ioctl(vm, KVM_ARM_PREFERRED_TARGET, init));
}

int swvmm_kvm_arm_vcpu_init(int vcpu, const struct kvm_vcpu_init *init) {
    return result(ioctl(vcpu, KVM_ARM_VCPU_INIT, init));
}

int swvmm_kvm_arm_enable_system_suspend(int vm) {
    struct kvm_enable_cap cap = {.cap = KVM_CAP_ARM_SYSTEM_SUSPEND};
    return result(ioctl(vm, KVM_ENABLE_CAP, &cap));
}

int swvmm_kvm_arm_set_smccc_filter(int vm, uint32_t base, uint32_t count, uint8_t action) {
    struct kvm_smccc_filter filter = {.base = base, .nr_functions = count, .action = action};
    struct kvm_device_attr attr = {
        .group = KVM_ARM_VM_SMCCC_CTRL, .attr = KVM_ARM_VM_SMCCC_FILTER, .addr = (uintptr_t)&filter};
    return result(ioctl(vm, KVM_SET_DEVICE_ATTR, &attr));
}

int swvmm_kvm_arm_vcpu_finalize(int vcpu, int feature) { return result(ioctl(vcpu, KVM_ARM_VCPU_FINALIZE, &feature)); }

int swvmm_kvm_get_one_reg(int vcpu, uint64_t identifier, void *value) {
    struct kvm_one_reg reg = {.id = identifier, .addr = (uintptr_t)value};
    return result(ioctl(vcpu, KVM_GET_ONE_REG, &reg));
}

int swvmm_kvm_set_one_reg(int vcpu, uint64_t identifier, const void *value) {
    struct kvm_one_reg reg = {.id = identifier, .addr = (uintptr_t)value};
    return result(ioctl(vcpu, KVM_SET_ONE_REG, &reg));
}

int swvmm_kvm_get_mp_state(int vcpu, uint32_t *state) {
    struct kvm_mp_state value = {0};
    int status = result(ioctl(vcpu, KVM_GET_MP_STATE, &value));
    *state = value.mp_state;
    return status;
}

int swvmm_kvm_set_mp_state(int vcpu, uint32_t state) {
    struct kvm_mp_state value = {.mp_state = state};
    return result(ioctl(vcpu, KVM_SET_MP_STATE, &value));
}

int swvmm_kvm_get_vcpu_events(int vcpu, void *events) { return result(ioctl(vcpu, KVM_GET_VCPU_EVENTS, events)); }

int swvmm_kvm_set_vcpu_events(int vcpu, const void *events) { return result(ioctl(vcpu, KVM_SET_VCPU_EVENTS, events)); }

enum { register_list_capacity = 2048 };

// kvm_reg_list ends in a flexible array: this has its layout and lives on the stack.
struct register_list {
    uint64_t n;
    uint64_t identifiers[register_list_capacity];
};

int swvmm_kvm_get_reg_list(int vcpu, uint64_t *identifiers, uint64_t capacity) {
    struct register_list list = {.n = register_list_capacity};
    int status = result(ioctl(vcpu, KVM_GET_REG_LIST, &list));
    if (status < 0) return status;
    if (list.n > capacity) return -E2BIG;
    memcpy(identifiers, list.identifiers, list.n * sizeof *identifiers);
    return (int)list.n;
}

#endif

// What swvmm_thread_number() told the calling thread, or 0. A thread that begins when another has ended has another number, unlike its
// pthread_self().
static _Thread_local int32_t known_thread_number __attribute__((tls_model("initial-exec")));

int32_t swvmm_thread_number(void) {
    known_thread_number = (int32_t)syscall(SYS_gettid);
    return known_thread_number;
}

// The system call itself: on the way of each exit, where the C library's ioctl() would add some 30 instructions for its variable
// arguments, the guard of its stack frame and errno.
int swvmm_kvm_run(int vcpu, int32_t thread) {
    if (thread != known_thread_number) return swvmm_kvm_another_thread;
#if defined(__x86_64__)
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"((long)SYS_ioctl), "D"((long)vcpu), "S"((long)KVM_RUN), "d"(0L)
                     : "rcx", "r11", "memory");
    return (int)result;
#elif defined(__aarch64__)
    register long number __asm__("x8") = SYS_ioctl;
    register long result __asm__("x0") = vcpu;
    register long request __asm__("x1") = KVM_RUN;
    register long argument __asm__("x2") = 0;
    __asm__ volatile("svc #0" : "+r"(result) : "r"(number), "r"(request), "r"(argument) : "memory");
    return (int)result;
#endif
}

int swvmm_signal_thread(int32_t thread, int signal) {
    return result((int)syscall(SYS_tgkill, getpid(), thread, signal));
}
