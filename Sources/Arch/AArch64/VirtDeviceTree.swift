internal import Boot
package import FlattenedDeviceTree
internal import GuestABI
package import VMMCore

/// Random numbers that a guest starts its own generators from.
package struct BootSeeds: Hashable, Sendable {
    /// For /chosen's rng-seed.
    package let random: [UInt8]
    /// For /chosen's kaslr-seed: where the kernel puts itself.
    package let layout: UInt64

    package static let randomSize = 32

    /// Fresh ones: `SystemRandomNumberGenerator` asks the host's getrandom.
    package static func generate() -> BootSeeds {
        var host = SystemRandomNumberGenerator()
        return generate(from: &host)
    }

    package static func generate(from generator: inout some RandomNumberGenerator) -> BootSeeds {
        let random = (0..<randomSize).map { _ in UInt8.random(in: 0...255, using: &generator) }
        return BootSeeds(random: random, layout: generator.next())
    }

    package init(random: [UInt8], layout: UInt64) {
        self.random = random
        self.layout = layout
    }
}

/// The device tree of a `virt` machine, in the conventions of QEMU's: the same nodes, names and numbers, so that what was
/// made for that machine finds its way.
///
/// What a machine has not is not in it: no fw-cfg yet. bvmconsole and pvpanic have no binding.
/// Source: Linux Documentation/devicetree/bindings; QEMU hw/arm/virt.c, create_fdt and its helpers, for the conventions.
package struct VirtDeviceTree: Sendable {
    /// A virtio-mmio window with a device behind it.
    package struct VirtioSlot: Hashable, Sendable {
        /// Counts windows of `VirtPlatform.virtioMMIOStride` bytes.
        package let index: Int

        package init(index: Int) { self.index = index }
    }

    package var topology: CPUTopology
    private var cpuCount: Int { topology.count }
    package var ram: [GuestRange]
    /// /chosen's bootargs; empty: none.
    package var commandLine = ""
    package var initrd: GuestRange?
    /// Nil: the guest gets none, and starts the same each time.
    package var seeds: BootSeeds?
    package var virtioSlots: [VirtioSlot] = []
    /// The interrupt controller takes message-signalled interrupts.
    package var hasITS = false
    package var hasPCI = false
    /// The PCI bus has a window above 4 GiB.
    package var hasHighPCIWindow = true
    package var features: Set<ARM64Feature> = []

    package init(topology: CPUTopology, ram: [GuestRange]) {
        self.topology = topology
        self.ram = ram
    }

    /// Handles by which nodes name each other.
    enum Handle {
        static let interruptController: UInt32 = 1
        static let clock: UInt32 = 2
        static let gpio: UInt32 = 3
        static let its: UInt32 = 4
        /// The handles of the CPUs follow.
        static let firstCPU: UInt32 = 0x100
    }

    package var root: DeviceTreeNode {
        DeviceTreeNode(
            "",
            [
                .init("#address-cells", cells: 2), .init("#size-cells", cells: 2),
                .init("compatible", strings: "linux,dummy-virt"), .init("model", strings: "linux,dummy-virt"),
                .init("interrupt-parent", cells: Handle.interruptController),
            ],
            children: [aliases, chosen, cpus, memory, psci, timer] + (features.contains(.pmu) ? [monitors] : [])
                + [clock, interruptController]
                + [uart, realTimeClock, gpio, powerKey] + (hasPCI ? [pciHost] : [])
                + virtioSlots.sorted { $0.index < $1.index }.map(virtio))
    }
}

// MARK: - What is no device

extension VirtDeviceTree {
    private static let uartName = name("pl011", VirtPlatform.pl011Address)

    static func name(_ name: String, _ address: UInt64) -> String {
        "\(name)@\(String(address, radix: 16))"
    }

    private var aliases: DeviceTreeNode {
        DeviceTreeNode("aliases", [.init("serial0", strings: "/\(Self.uartName)")])
    }

    /// Source: dt-schema, schemas/chosen.yaml.
    private var chosen: DeviceTreeNode {
        var properties = [DeviceTreeProperty("stdout-path", strings: "/\(Self.uartName)")]
        properties += Self.chosenProperties(commandLine: commandLine, initrd: initrd)
        if let seeds {
            properties.append(.init("rng-seed", bytes: seeds.random))
            properties.append(.init("kaslr-seed", pairs: [seeds.layout]))
        }
        return DeviceTreeNode("chosen", properties)
    }

    /// What a boot sets in /chosen of any tree.
    package static func chosenProperties(commandLine: String, initrd: GuestRange?) -> [DeviceTreeProperty] {
        var properties: [DeviceTreeProperty] = []
        if !commandLine.isEmpty { properties.append(.init("bootargs", strings: commandLine)) }
        if let initrd {
            properties.append(.init("linux,initrd-start", pairs: [initrd.start.rawValue]))
            properties.append(.init("linux,initrd-end", pairs: [initrd.end.rawValue]))
        }
        return properties
    }

    /// Source: dt-schema, schemas/cpus.yaml; Linux bindings/arm/cpus.yaml.
    private var cpus: DeviceTreeNode {
        DeviceTreeNode(
            "cpus", [.init("#address-cells", cells: 1), .init("#size-cells", cells: 0)],
            children: (0..<cpuCount).map { index in
                let affinity = VirtPlatform.affinity(ofCPU: index)
                return DeviceTreeNode(
                    Self.name("cpu", UInt64(affinity)),
                    [
                        .init("device_type", strings: "cpu"), .init("compatible", strings: "arm,armv8"),
                        .init("reg", cells: affinity), .init("enable-method", strings: "psci"),
                    ] + (topology.hasGroups ? [.init("phandle", cells: Self.handle(ofCPU: index))] : []))
            } + (topology.hasGroups ? [cpuMap] : []))
    }

    private static func handle(ofCPU index: Int) -> UInt32 { Handle.firstCPU + UInt32(truncatingIfNeeded: index) }

    /// Sockets, each a cluster of cores, with threads where cores have several. Where there is nothing to tell, there is no map:
    /// the affinities say as much. Source: Linux bindings/cpu/cpu-topology.txt.
    private var cpuMap: DeviceTreeNode {
        func node(core: Int, of socket: Int) -> DeviceTreeNode {
            let first = socket * topology.cpusOfSocket + core * topology.threads
            func cpu(_ index: Int) -> DeviceTreeProperty { .init("cpu", cells: Self.handle(ofCPU: index)) }
            guard topology.threads > 1 else { return DeviceTreeNode("core\(core)", [cpu(first)]) }
            return DeviceTreeNode(
                "core\(core)", [],
                children: (0..<topology.threads).map { DeviceTreeNode("thread\($0)", [cpu(first + $0)]) })
        }
        return DeviceTreeNode(
            "cpu-map", [],
            children: (0..<topology.sockets).map { socket in
                let cores = (0..<topology.cores).map { node(core: $0, of: socket) }
                return DeviceTreeNode(
                    "socket\(socket)", [], children: [DeviceTreeNode("cluster0", [], children: cores)])
            })
    }

    private var memory: DeviceTreeNode {
        DeviceTreeNode(
            Self.name("memory", VirtPlatform.ramAddress),
            [
                .init("device_type", strings: "memory"),
                .init("reg", pairs: ram.flatMap { [$0.start.rawValue, $0.size] }),
            ])
    }

    /// With PSCI 0.1's function numbers, for guests that look no further. HVC is a hypervisor's own, so that one has to call by SMC.
    /// Source: Linux bindings/arm/psci.yaml.
    private var psci: DeviceTreeNode {
        DeviceTreeNode(
            "psci",
            [
                .init("compatible", strings: "arm,psci-1.0", "arm,psci-0.2", "arm,psci"),
                .init("method", strings: features.contains(.el2) ? "smc" : "hvc"),
                .init("cpu_suspend", cells: 0xC400_0001),
                .init("cpu_off", cells: 0x8400_0002), .init("cpu_on", cells: 0xC400_0003),
            ])
    }
}

// MARK: - Devices

extension VirtDeviceTree {
    /// The first cell of an interrupt of the GIC, and the last one. Source: Linux bindings/interrupt-controller/arm,gic-v3.yaml.
    enum Interrupt {
        static let spi: UInt32 = 0
        static let ppi: UInt32 = 1
        static let levelHigh: UInt32 = 4

        static func privateLevel(_ number: UInt32) -> [UInt32] { [ppi, number, levelHigh] }
    }

    /// Secure physical, physical, virtual, hypervisor, and with EL2 the hypervisor's virtual one.
    /// Source: Linux bindings/timer/arm,arch_timer.yaml.
    private var timer: DeviceTreeNode {
        var interrupts = [
            VirtPlatform.securePhysicalTimerPPI, VirtPlatform.physicalTimerPPI, VirtPlatform.virtualTimerPPI,
            VirtPlatform.hypervisorTimerPPI,
        ]
        if features.contains(.el2) { interrupts.append(VirtPlatform.hypervisorVirtualTimerPPI) }
        return DeviceTreeNode(
            "timer",
            [
                .init("compatible", strings: "arm,armv8-timer"),
                .init("interrupts", cells: interrupts.flatMap(Interrupt.privateLevel)),
                .init("always-on"),
            ])
    }

    /// Source: Linux bindings/arm/pmu.yaml.
    private var monitors: DeviceTreeNode {
        DeviceTreeNode(
            "pmu",
            [
                .init("compatible", strings: "arm,armv8-pmuv3"),
                .init("interrupts", cells: Interrupt.privateLevel(VirtPlatform.monitorsPPI)),
            ])
    }

    /// What the PrimeCells are clocked with: 24 MHz, for divisors that mean nothing here.
    private var clock: DeviceTreeNode {
        DeviceTreeNode(
            "apb-pclk",
            [
                .init("compatible", strings: "fixed-clock"), .init("#clock-cells", cells: 0),
                .init("clock-frequency", cells: 24_000_000), .init("clock-output-names", strings: "clk24mhz"),
                .init("phandle", cells: Handle.clock),
            ])
    }

    private var interruptController: DeviceTreeNode {
        // A hypervisor's own list registers interrupt it.
        let maintenance: [DeviceTreeProperty] =
            features.contains(.el2)
            ? [.init("interrupts", cells: Interrupt.privateLevel(VirtPlatform.maintenancePPI))] : []
        return DeviceTreeNode(
            Self.name("intc", VirtPlatform.gicDistributorAddress),
            [
                .init("compatible", strings: "arm,gic-v3"), .init("interrupt-controller"),
                .init("#interrupt-cells", cells: 3),
                .init(
                    "reg",
                    pairs: [
                        VirtPlatform.gicDistributorAddress, 0x1_0000, VirtPlatform.gicRedistributorAddress,
                        UInt64(cpuCount) * VirtPlatform.gicRedistributorStride,
                    ]),
                .init("#redistributor-regions", cells: 1),
                .init("#address-cells", cells: 2), .init("#size-cells", cells: 2), .init("ranges"),
                .init("phandle", cells: Handle.interruptController),
            ] + maintenance, children: hasITS ? [its] : [])
    }

    /// A device names itself by its DeviceID, one cell. Source: Linux bindings/interrupt-controller/arm,gic-v3.yaml.
    private var its: DeviceTreeNode {
        DeviceTreeNode(
            Self.name("its", VirtPlatform.gicITSAddress),
            [
                .init("compatible", strings: "arm,gic-v3-its"), .init("msi-controller"), .init("#msi-cells", cells: 1),
                .init("reg", pairs: [VirtPlatform.gicITSAddress, VirtPlatform.gicITSSize]),
                .init("phandle", cells: Handle.its),
            ])
    }

    /// An Arm PrimeCell of one page.
    private func primeCell(
        _ kind: String, at address: UInt64, spi: UInt32, _ more: [DeviceTreeProperty]
    ) -> DeviceTreeNode {
        DeviceTreeNode(
            Self.name(kind, address),
            [
                .init("compatible", strings: "arm,\(kind)", "arm,primecell"), .init("reg", pairs: [address, 0x1000]),
                .init("interrupts", cells: Interrupt.spi, spi, Interrupt.levelHigh),
            ] + more)
    }

    private var uart: DeviceTreeNode {
        primeCell(
            "pl011", at: VirtPlatform.pl011Address, spi: VirtPlatform.pl011SPI,
            [
                .init("clocks", cells: Handle.clock, Handle.clock),
                .init("clock-names", strings: "uartclk", "apb_pclk"),
            ])
    }

    private var realTimeClock: DeviceTreeNode {
        primeCell("pl031", at: VirtPlatform.pl031Address, spi: VirtPlatform.pl031SPI, Self.busClock)
    }

    private var gpio: DeviceTreeNode {
        primeCell(
            "pl061", at: VirtPlatform.gpioAddress, spi: VirtPlatform.gpioSPI,
            Self.busClock + [
                .init("gpio-controller"), .init("#gpio-cells", cells: 2), .init("phandle", cells: Handle.gpio),
            ])
    }

    private static var busClock: [DeviceTreeProperty] {
        [.init("clocks", cells: Handle.clock), .init("clock-names", strings: "apb_pclk")]
    }

    /// KEY_POWER is 116; pin 3, active high. Source: Linux bindings/input/gpio-keys.yaml.
    private var powerKey: DeviceTreeNode {
        DeviceTreeNode(
            "gpio-keys", [.init("compatible", strings: "gpio-keys")],
            children: [
                DeviceTreeNode(
                    "poweroff",
                    [
                        .init("label", strings: "GPIO Key Poweroff"), .init("linux,code", cells: 116),
                        .init("gpios", cells: Handle.gpio, VirtPlatform.powerKeyPin, 0),
                    ])
            ])
    }

    /// Level, where QEMU has edge: with an edge, a second reason that comes between the guest's reads of InterruptStatus and
    /// InterruptACK would be lost. Source: Linux bindings/virtio/mmio.yaml.
    private func virtio(_ slot: VirtioSlot) -> DeviceTreeNode {
        let address = VirtPlatform.virtioMMIOAddress + UInt64(slot.index) * VirtPlatform.virtioMMIOStride
        return DeviceTreeNode(
            Self.name("virtio_mmio", address),
            [
                .init("compatible", strings: "virtio,mmio"),
                .init("reg", pairs: [address, VirtPlatform.virtioMMIOStride]),
                .init(
                    "interrupts",
                    cells: Interrupt.spi, VirtPlatform.virtioMMIOFirstSPI + UInt32(slot.index), Interrupt.levelHigh),
                .init("dma-coherent"),
            ])
    }
}
