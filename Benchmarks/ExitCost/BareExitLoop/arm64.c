#ifdef __aarch64__

#include "BareExitLoop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

enum { device = 0x0A000000, memory_start = 0x40000000, memory_size = 0x10000 };

static struct kvm_run *run;
static volatile uint32_t last_written;

static int set_attribute(int gic, uint32_t group, uint64_t attribute, const void *value) {
    struct kvm_device_attr attr = {.group = group, .attr = attribute, .addr = (uintptr_t)value};
    return ioctl(gic, KVM_SET_DEVICE_ATTR, &attr);
}

int bare_machine_create(void) {
    // mov x0, 0x0A00'0000; again: ldr w1, [x0]; str w1, [x0]; b again
    static const uint32_t code[] = {0xD2A14000, 0xB9400001, 0xB9000001, 0x17FFFFFE};
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0) return -errno;
    int vm = ioctl(kvm, KVM_CREATE_VM, 0);
    if (vm < 0) return -errno;
    struct kvm_create_device gic = {.type = KVM_DEV_TYPE_ARM_VGIC_V3};
    uint64_t distributor = 0x08000000, redistributors = 0x080A0000;
    if (ioctl(vm, KVM_CREATE_DEVICE, &gic) < 0 ||
        set_attribute((int)gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &distributor) < 0 ||
        set_attribute((int)gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, &redistributors) < 0)
        return -errno;
    uint8_t *memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return -errno;
    memcpy(memory, code, sizeof code);
    struct kvm_userspace_memory_region region = {
        .guest_phys_addr = memory_start, .memory_size = memory_size, .userspace_addr = (uintptr_t)memory};
    if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0) return -errno;
    int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    if (vcpu < 0) return -errno;
    struct kvm_vcpu_init target;
    if (ioctl(vm, KVM_ARM_PREFERRED_TARGET, &target) < 0 || ioctl(vcpu, KVM_ARM_VCPU_INIT, &target) < 0) return -errno;
    if (set_attribute((int)gic.fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL) < 0) return -errno;
    int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (run == MAP_FAILED) return -errno;
    uint64_t pc = memory_start;
    struct kvm_one_reg pc_register = {
        .id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(regs.pc), .addr = (uintptr_t)&pc};
    if (ioctl(vcpu, KVM_SET_ONE_REG, &pc_register) < 0) return -errno;
    return vcpu;
}

int64_t bare_machine_run(int vcpu, int64_t exits) {
    int64_t start = monotonic_nanoseconds();
    for (int64_t i = 0; i < exits; i++) {
        if (ioctl(vcpu, KVM_RUN, 0) < 0) {
            if (errno == EINTR) continue;
            return -1;
        }
        if (run->exit_reason != KVM_EXIT_MMIO || run->mmio.phys_addr != device || run->mmio.len != 4) return -1;
        uint32_t word = 0x5A;
        if (run->mmio.is_write) {
            memcpy(&word, run->mmio.data, sizeof word);
            last_written = word;
        } else {
            memcpy(run->mmio.data, &word, sizeof word);
        }
    }
    return monotonic_nanoseconds() - start;
}

#endif
