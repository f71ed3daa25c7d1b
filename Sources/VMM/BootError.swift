package import Boot
package import FlattenedDeviceTree
package import HostIO
package import KVMBackend
package import SoftwareCPU
package import VMMCore

/// Why a machine could not be built or run. Closed, with values; the command line finds the words.
package enum BootError: Error, Sendable {
    /// A file of the host could not be read.
    case file(HostFileError)
    /// The timeline's file could not be written.
    case timeline(HostFileError)
    /// The image, or what comes with it, cannot be booted. `name` is its path or `bundled unikernel`.
    case image(name: String, BootImageError)
    /// The user's device tree cannot be handed over.
    case deviceTree(path: String, FlattenedDeviceTreeError)
    /// Machines of this architecture have no device tree.
    case noDeviceTree(MachineConfiguration.Architecture)
    /// The device tree could not be written to a file.
    case dump(HostFileError)
    /// Machines of this architecture have no ACPI tables.
    case noACPI(MachineConfiguration.Architecture)
    case dumpACPI(HostFileError)
    /// Machines of this architecture have no SMBIOS tables.
    case noSMBIOS(MachineConfiguration.Architecture)
    case dumpSMBIOS(HostFileError)
    /// The unpacked kernel could not be written to a file.
    case extract(HostFileError)
    /// KVM runs guests of the host's architecture only.
    case foreignGuest(MachineConfiguration.Architecture)
    /// The software CPU executes no guests of this architecture.
    case noSoftwareCPU(MachineConfiguration.Architecture)
    /// The unikernel has no driver for a virtio console.
    case noVirtioConsoleDriver
    /// Only Linux has parameters for an early console.
    case noEarlyConsole
    case noVirtioPortDriver
    case tooManyVirtioDevices(Int, limit: Int)
    /// An x86_64 machine's CPUs would have APIC identifiers with gaps.
    case scatteredCPUs(CPUTopology)
    /// The model is that of another architecture's CPUs.
    case otherCPUModel(MachineConfiguration.Architecture)
    /// The software CPU has not all that is wanted.
    case softwareCPULacks([ARM64Feature])
    /// A disk image could not be opened.
    case disk(DiskError)
    /// The unikernel has no driver for persistent memory.
    case noPersistentMemoryDriver
    /// A file for persistent memory could not be opened.
    case persistentMemory(DiskError)
    /// The addresses behind RAM do not suffice.
    case noRoomForPersistentMemory(name: String, size: UInt64)
    /// A network's host side could not be opened.
    case network(name: String, NetworkError)
    /// The unikernel has no driver for a balloon.
    case noVirtioBalloonDriver
    /// The socket where a balloon's size can be changed.
    case balloonSocket(TCPServerError)
    /// Nothing of the guest's memory would be left.
    case balloonTooLarge(UInt64, memory: UInt64)
    /// The unikernel has no driver for a shared directory.
    case noVirtioShareDriver
    /// A directory could not be shared.
    case share(SharedDirectoryError)
    /// The unikernel has no driver for a vsock.
    case noVirtioVsockDriver
    /// The vsock's Unix socket could not be opened.
    case vsock(TCPServerError)
    /// A share's server could not be started.
    case shareProgram(tag: String, FileSystemProgramError)
    /// Only FreeBSD's kernel metadata can announce a memory disk.
    case noMemoryDisk(BootProtocol)
    case softwareCPU(SoftwareCPUError)
    /// Semihosting calls are answered for arm64 guests on the software CPU only.
    case noSemihosting(MachineConfiguration.Architecture)
    /// Only x86_64 machines on KVM have the choice.
    case noSplitInterruptChip
    case kvm(KVMError)
    case memory(GuestMemoryError)
    case memoryLargerThanHost(wanted: UInt64, hostMemory: UInt64)
    case ports(PortBusError)
    case memoryMap(MMIOBusError)
    /// The registers of all functions are larger than the PCI bus's window.
    case pciWindowIsFull
    case eventLoop(EventLoopError)
    case thread(HostThreadError)
    case signals(SignalSourceError)
    case terminal(TerminalError)
    case debugPort(TCPServerError)
    case debugger(TCPServerError)
    /// The socket of a named port.
    case port(name: String, TCPServerError)
    /// The trace's file could not be written; so many lines of the guest's work are not in it.
    case trace(HostFileError, lostLines: UInt64)
    /// What is to be traced happens inside the host's KVM.
    case traceNeedsSoftwareCPU([TraceConfiguration.Kind])
}
