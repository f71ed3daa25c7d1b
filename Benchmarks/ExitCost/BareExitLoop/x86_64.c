#ifdef __x86_64__

#include "BareExitLoop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

static struct kvm_run *run;
static volatile uint32_t last_written;

int bare_machine_create(void) {
    // mov dx, 0x510; again: in al, dx; out dx, al; jmp again
    static const uint8_t code[] = {0xBA, 0x10, 0x05, 0xEC, 0xEE, 0xEB, 0xFC};
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0) return -errno;
    int vm = ioctl(kvm, KVM_CREATE_VM, 0);
    if (vm < 0) return -errno;
    if (ioctl(vm, KVM_SET_TSS_ADDR, 0xFEFFD000UL) < 0 || ioctl(vm, KVM_CREATE_IRQCHIP, 0) < 0) return -errno;
    uint8_t *memory = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return -errno;
    memcpy(memory + 0x1000, code, sizeof code);
    struct kvm_userspace_memory_region region = {.memory_size = 0x10000, .userspace_addr = (uintptr_t)memory};
    if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0) return -errno;
    int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    if (vcpu < 0) return -errno;
    int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (run == MAP_FAILED) return -errno;
    struct kvm_sregs system;
    if (ioctl(vcpu, KVM_GET_SREGS, &system) < 0) return -errno;
    system.cs.base = 0;
    system.cs.selector = 0;
    if (ioctl(vcpu, KVM_SET_SREGS, &system) < 0) return -errno;
    struct kvm_regs registers = {.rip = 0x1000, .rflags = 2};
    if (ioctl(vcpu, KVM_SET_REGS, &registers) < 0) return -errno;
    return vcpu;
}

int64_t bare_machine_run(int vcpu, int64_t exits) {
    int64_t start = monotonic_nanoseconds();
    for (int64_t i = 0; i < exits; i++) {
        if (ioctl(vcpu, KVM_RUN, 0) < 0) {
            if (errno == EINTR) continue;
            return -1;
        }
        if (run->exit_reason != KVM_EXIT_IO || run->io.port != 0x510) return -1;
        uint8_t *data = (uint8_t *)run + run->io.data_offset;
        if (run->io.direction == KVM_EXIT_IO_IN)
            *data = 0x5A;
        else
            last_written = *data;
    }
    return monotonic_nanoseconds() - start;
}

#endif
