// A virtio driver that keeps to the rules as far as that requests reach what is behind the devices: disks, networks. What it asks for is nonsense at times.
// Source: virtio 1.2 §3.1, §4.1.4, §4.2.2, §5.1, §5.2.

#include "hostile.h"

#define ENTRIES 16U
#define QUEUES 3U
#define BUFFERS (SCRATCH + 0x20000)
// Each entry's buffer.
#define BUFFER_SIZE 0x2000U

#define READS 0
#define NEXT 1
#define WRITES 2

// Where a device is: its registers, and by PCI also its doorbells.
struct device {
    u32 id, registers, doorbells, doorbell_step;
    int by_pci;
};

static u32 queue_rings(u32 queue) { return SCRATCH + queue * 0x3000; }
static u32 buffer(u32 queue, u32 entry) { return BUFFERS + (queue * ENTRIES + entry) * BUFFER_SIZE; }

// MARK: Registers

static u32 status(const struct device *device) { return device->by_pci ? get8(device->registers + 0x14) : get32(device->registers + 0x70); }

static void set_status(const struct device *device, u32 value)
{
    if (device->by_pci) set8(device->registers + 0x14, value);
    else set32(device->registers + 0x70, value);
}

static u32 features(const struct device *device, u32 word)
{
    set32(device->registers + (device->by_pci ? 0x00 : 0x14), word);
    return get32(device->registers + (device->by_pci ? 0x04 : 0x10));
}

static void set_features(const struct device *device, u32 word, u32 value)
{
    set32(device->registers + (device->by_pci ? 0x08 : 0x24), word);
    set32(device->registers + (device->by_pci ? 0x0c : 0x20), value);
}

static void set_up_queue(const struct device *device, u32 queue)
{
    u32 registers = device->registers, rings = queue_rings(queue);
    // Both indices; the entries are written before an index leads to them.
    set32(rings + 0x1000, 0);
    set32(rings + 0x2000, 0);
    if (device->by_pci) {
        set16(registers + 0x16, queue);
        if (get16(registers + 0x18) < ENTRIES) return;
        set16(registers + 0x18, ENTRIES);
    } else {
        set32(registers + 0x30, queue);
        if (get32(registers + 0x34) < ENTRIES) return;
        set32(registers + 0x38, ENTRIES);
    }
    for (u32 part = 0; part < 3; part++) {
        u32 address = registers + (device->by_pci ? 0x20 + 8 * part : 0x80 + 0x10 * part);
        set32(address, rings + 0x1000 * part);
        set32(address + 4, 0);
    }
    if (device->by_pci) set16(registers + 0x1c, 1);
    else set32(registers + 0x44, 1);
}

static void notify(const struct device *device, u32 queue)
{
    if (!device->by_pci) {
        set32(device->registers + 0x50, queue);
        return;
    }
    set16(device->registers + 0x16, queue);
    set16(device->doorbells + get16(device->registers + 0x1e) * device->doorbell_step, queue);
}

static void start(const struct device *device)
{
    set_status(device, 0);
    for (u32 tries = 0; tries < 1000 && status(device); tries++) in8(0x80);
    set_status(device, 3);
    // Not VIRTIO_F_EVENT_IDX (29): each doorbell counts. Of the upper word VIRTIO_F_VERSION_1 (32) alone.
    set_features(device, 0, features(device, 0) & ~(1U << 29));
    set_features(device, 1, features(device, 1) & 1);
    set_status(device, 11);
    for (u32 queue = 0; queue < QUEUES; queue++) set_up_queue(device, queue);
    set_status(device, 15);
}

// MARK: Queues

static void describe(u32 queue, u32 entry, u32 address, u32 length, u32 flags)
{
    u32 descriptor = queue_rings(queue) + 16 * entry;
    set32(descriptor, address);
    set32(descriptor + 4, 0);
    set32(descriptor + 8, length);
    set32(descriptor + 12, flags | (entry + 1) << 16);
}

static void offer(u32 queue, u32 head)
{
    u32 available = queue_rings(queue) + 0x1000;
    u16 index = get16(available + 2);
    set16(available + 4 + 2 * (index % ENTRIES), head);
    __asm__ volatile("" : : : "memory");
    set16(available + 2, index + 1);
}

static u16 used(u32 queue) { return get16(queue_rings(queue) + 0x2002); }

// Waits until all that is offered is used, or the device gives up, or nothing comes. Returns how many of `count` were.
static u32 answered(const struct device *device, u32 queue, u16 before, u32 count)
{
    for (u32 tries = 0; tries < 500 && (u16)(used(queue) - before) < count && !(status(device) & 0x40); tries++) in8(0x80);
    return (u16)(used(queue) - before);
}

// MARK: Disks

static u32 disk_requests(const struct device *device)
{
    static const u8 types[] = { 0, 0, 1, 1, 4, 8, 11, 13 };
    u16 before = used(0);
    u32 count = 1 + below(ENTRIES / 3);
    for (u32 request = 0; request < count; request++) {
        u32 entry = 3 * request, header = buffer(0, entry), type = types[below(sizeof types)];
        if (below(16) == 0) type = edge();
        set32(header, type);
        set32(header + 4, 0);
        // The disk has 8192 sectors.
        set32(header + 8, below(16) ? below(8200) : edge());
        set32(header + 12, below(32) ? 0 : edge());
        u32 length = type == 8 ? 20 : type == 11 || type == 13 ? 16 : 512 * (1 + below(16));
        if (below(16) == 0) length = below(BUFFER_SIZE);
        u32 data = buffer(0, entry + 1);
        if (type == 11 || type == 13) {
            set32(data, below(16) ? below(8192) : edge());
            set32(data + 4, 0);
            set32(data + 8, below(16) ? below(64) : edge());
            set32(data + 12, below(8) ? 0 : edge());
        }
        int writes = (type == 0 || type == 8) != (below(32) == 0);
        describe(0, entry, header, 16, NEXT);
        describe(0, entry + 1, data, length, NEXT | (writes ? WRITES : READS));
        describe(0, entry + 2, buffer(0, entry + 2), 1, WRITES);
        if (type == 4 && below(2)) set32(queue_rings(0) + 16 * entry + 12, NEXT | (entry + 2) << 16);
        if (below(32) == 0) fill(queue_rings(0) + 16 * (entry + below(3)), 16);
        offer(0, entry);
    }
    notify(device, 0);
    return answered(device, 0, before, count);
}

// MARK: Networks

// A frame behind its header; returns the length of both. The router of a user network, 10.0.2.2, answers what asks for its address.
static u32 frame(u32 address)
{
    static const u8 ask[] = { 0, 1, 8, 0, 6, 4, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2 };
    static const u16 kinds[] = { 0x0608, 0x0608, 0x0008, 0x0008, 0xdd86, 0x0081 };
    for (u32 offset = 0; offset < 12; offset += 4) set32(address + offset, below(4) ? 0 : edge());
    u32 kind = kinds[below(6)], length = 14 + below(below(16) ? 100 : 4000);
    address += 12;
    for (u32 offset = 0; offset < length; offset += 4) set32(address + offset, any());
    for (u32 offset = 0; offset < 6; offset++) set8(address + offset, 0xff);
    set16(address + 12, kind);
    if (kind == 0x0008) {
        // IPv4 to the router, of any protocol, mostly those that there are.
        static const u8 protocols[] = { 1, 2, 6, 17 };
        set16(address + 14, below(8) ? 0x45 : any());
        set16(address + 16, below(2) ? (u16)((length - 14) << 8 | (length - 14) >> 8) : edge());
        set8(address + 23, below(8) ? protocols[below(4)] : any());
        set32(address + 30, 0x0202000a);
    }
    if (kind == 0x0608 && below(8)) {
        for (u32 offset = 0; offset < sizeof ask; offset++) set8(address + 14 + offset, ask[offset]);
        for (u32 offset = 0; offset < 6; offset++) set8(address + 6 + offset, ask[8 + offset]);
        for (u32 offset = 0; offset < 12; offset += 4) set32(address - 12 + offset, 0);
        length = 60;
    }
    return 12 + length;
}

// Returns the frames that were sent, and adds those that came.
static u32 network_requests(const struct device *device, u32 *came)
{
    u16 received = used(0), sent = used(1);
    for (u32 entry = 0; entry < ENTRIES; entry++) {
        describe(0, entry, buffer(0, entry), below(16) ? BUFFER_SIZE : below(64), WRITES);
        offer(0, entry);
    }
    notify(device, 0);
    u32 count = 1 + below(ENTRIES);
    for (u32 entry = 0; entry < count; entry++) {
        u32 length = frame(buffer(1, entry));
        describe(1, entry, buffer(1, entry), below(16) ? length : edge(), READS);
        if (below(32) == 0) fill(queue_rings(1) + 16 * entry, 16);
        offer(1, entry);
    }
    notify(device, 1);
    count = answered(device, 1, sent, count);
    *came += answered(device, 0, received, 1);
    return count;
}

// MARK: All of them

// What has queues of which nothing more is known: a buffer to read and one to write in each.
static u32 other_requests(const struct device *device)
{
    u32 count = 0;
    for (u32 queue = 0; queue < QUEUES; queue++) {
        u16 before = used(queue);
        describe(queue, 0, buffer(queue, 0), below(BUFFER_SIZE), NEXT);
        describe(queue, 1, buffer(queue, 1), below(BUFFER_SIZE), WRITES);
        offer(queue, below(2));
        notify(device, queue);
        count += (u16)(used(queue) - before);
    }
    return count;
}

static void drive(const struct device *device, struct answers *answers)
{
    for (u32 round = 0; round < 4; round++) {
        start(device);
        for (u32 turn = 0; turn < 6 && !(status(device) & 0x40); turn++) {
            switch (device->id) {
            case 1: answers->requests += network_requests(device, &answers->frames); break;
            case 2: answers->requests += disk_requests(device); break;
            default: answers->requests += other_requests(device); break;
            }
        }
        // The next reset finds requests that are not answered.
        if (device->id == 2) {
            for (u32 entry = 0; entry < ENTRIES; entry += 3) offer(0, entry);
            notify(device, 0);
        }
    }
    set_status(device, 0);
}

// The first structure of each kind that a capability names, with BARs where the firmware put them.
static int find_structures(u32 page, struct device *device)
{
    u32 found = 0;
    for (u32 at = get8(page + 0x34), count = 0; at && count < 48; at = get8(page + at + 1), count++) {
        u32 kind = get8(page + at + 3), bar = get8(page + at + 4);
        if (get8(page + at) != 9 || bar > 5 || (kind != 1 && kind != 2)) continue;
        u32 address = (get32(page + 0x10 + 4 * bar) & ~15U) + get32(page + at + 8);
        // A 64-bit BAR above 4 GiB is out of this program's reach: it goes to a place below.
        if ((get32(page + 0x10 + 4 * bar) & 6) == 4 && get32(page + 0x14 + 4 * bar)) return 0;
        found |= kind;
        if (kind == 1) device->registers = address;
        if (kind == 2) {
            device->doorbells = address;
            device->doorbell_step = get32(page + at + 16);
        }
    }
    return found == 3;
}

struct answers requests(void)
{
    struct answers answers = { 0, 0 };
    for (u32 window = 0; window < VIRTIO_WINDOWS; window++) {
        struct device device = { 0, VIRTIO_MMIO + 0x200 * window, 0, 0, 0 };
        if (get32(device.registers) != 0x74726976) continue;
        device.id = get32(device.registers + 8);
        if (device.id) drive(&device, &answers);
    }
    for (u32 slot = 0; slot < 32; slot++) {
        u32 page = ECAM + (slot << 15);
        if (get16(page) != 0x1af4) continue;
        struct device device = { get16(page + 2) - 0x1040U, 0, 0, 0, 1 };
        set16(page + 4, 6);
        if (find_structures(page, &device)) drive(&device, &answers);
    }
    return answers;
}
