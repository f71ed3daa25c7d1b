internal import Glibc
internal import Testing

/// Hosts on which `/dev/kvm` is not what it should be, as launchers of swvmm.
enum Surroundings {
    /// A launcher that runs a shell script before swvmm in a mount namespace of its own.
    private static func surroundings(_ script: String, user: String = "") -> [String] {
        ["/usr/bin/unshare", "--mount", "/bin/sh", "-e", "-c", "\(script); exec \(user) \"$@\"", "sh"]
    }

    /// Whether the host lets a test have such surroundings, by trying.
    private static func works(_ launcher: [String]) -> Bool {
        guard unsafe access(launcher[0], X_OK) == 0 else { return false }
        return (try? Swvmm.run(["--version"], launcher: launcher))?.ending == .exited(0)
    }

    static let missing = surroundings("mount -t tmpfs none /dev")
    static let empty = surroundings("mount -t tmpfs none /dev; touch /dev/kvm")
    static let null = surroundings("mount --bind /dev/null /dev/kvm")
    static let nobody = surroundings(
        "mount -t tmpfs none /dev; mknod /dev/kvm c 10 232; chmod 600 /dev/kvm",
        user: "setpriv --reuid 65534 --regid 65534 --clear-groups")

    static let canHide = works(missing)
    static let canReplace = works(null)
    static let canDrop = works(nobody)
}

/// Hosts without a usable `/dev/kvm`, made with mount namespaces: they need root.
@Suite struct NoKVMTests {
    private func refuses(_ launcher: [String], _ words: String...) throws {
        let ended = try Swvmm.run(["boot", "--arch", "x86_64"], launcher: launcher)
        #expect(ended.ending == .exited(1))
        #expect(ended.output == "")
        #expect(ended.errors.split(separator: "\n").count == 1, "\(ended.errors)")
        for word in words { #expect(ended.errors.contains(word), "no '\(word)' in \(ended.errors)") }

        let doctor = try Swvmm.run(["doctor", "--json"], launcher: launcher)
        #expect(doctor.ending == .exited(1))
        guard case .object(let members) = try JSONText.parse(doctor.output), case .array(let checks) = members["checks"]
        else {
            Issue.record("no checks")
            return
        }
        let missing = checks.contains { check in
            if case .object(let facts) = check { facts["outcome"] == .string("missing") } else { false }
        }
        #expect(missing, "\(doctor.output)")
    }

    @Test(
        "no /dev/kvm: one line, with what to do",
        .enabled(if: Surroundings.canHide, "no mount namespace may be made here"))
    func missing() throws { try refuses(Surroundings.missing, "/dev/kvm does not exist", "modprobe") }

    @Test(
        "no permission: one line, with what to do",
        .enabled(if: Surroundings.canDrop, "no device node may be made here"))
    func noPermission() throws { try refuses(Surroundings.nobody, "no permission to open /dev/kvm", "usermod") }

    @Test(
        "another device, or a file, in its place: one line",
        .enabled(if: Surroundings.canReplace, "no mount may be made here"))
    func notKVM() throws {
        try refuses(Surroundings.null, "/dev/kvm is not KVM's device")
        try refuses(Surroundings.empty, "/dev/kvm is not KVM's device")
    }

    @Test(
        "the bundled unikernel boots all the same, on the software CPU, and says why",
        .enabled(if: Surroundings.canHide, "no mount namespace may be made here"))
    func softwareInstead() throws {
        let machine = try Swvmm(
            ["boot", "--timeout", "50"], input: .text("poweroff\n"), launcher: Surroundings.missing)
        let ended = try machine.finish()
        #expect(ended.ending == .exited(0))
        #expect(ended.output.contains("unikernel arm64, 1 CPU"))
        #expect(ended.errors.contains("arm64, on the software CPU (/dev/kvm does not exist)"))
    }

    @Test(
        "a refused option or image is told without KVM",
        .enabled(if: Surroundings.canHide, "no mount namespace may be made here"))
    func otherErrorsFirst() throws {
        #expect(try Swvmm.run(["boot", "--cpus", "0"], launcher: Surroundings.missing).ending == .exited(2))
        #expect(
            try Swvmm.run(["boot", "/none"], launcher: Surroundings.missing).errors.contains("/none: cannot be opened"))
        #expect(try Swvmm.run(["inspect"], launcher: Surroundings.missing).ending == .exited(0))
    }
}
