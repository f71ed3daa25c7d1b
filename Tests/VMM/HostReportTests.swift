import Testing

@testable import VMM

@Suite struct HostReportTests {
    private func deviceCheck(_ path: String) throws -> HostReport.Check {
        try #require(HostReport.gather(kvmPath: path).checks.first { $0.name == path })
    }

    @Test("a path without a device: missing, with what to do, and only the software CPU's guests run")
    func missingDevice() throws {
        let check = try deviceCheck("/nonexistent/kvm")
        #expect(check.outcome == .missing)
        #expect(check.finding == "/nonexistent/kvm does not exist")
        let remedy = MachineConfiguration.Architecture.host == .arm64 ? "EL2" : "modprobe"
        #expect(check.remedy?.contains(remedy) == true)
        let report = HostReport.gather(kvmPath: "/nonexistent/kvm")
        #expect(report.guests.count == 2)
        for guest in report.guests {
            #expect(guest.accelerator == (guest.architecture == .arm64 ? .software : nil))
            #expect(!guest.reason.isEmpty)
        }
        #expect(!report.checks.contains { $0.name == "KVM capabilities" })
    }

    @Test("a device that is not KVM's, and a file")
    func otherDevice() throws {
        for path in ["/dev/null", "/proc/self/exe"] {
            let check = try deviceCheck(path)
            #expect(check.outcome == .missing)
        }
        #expect(try deviceCheck("/dev/null").finding == "/dev/null is not KVM's device")
    }

    @Test("a KVM that interprets kernel mode is told from one that runs it, by instructions a second")
    func speed() {
        #expect(HostReport.speedCheck(1_049_000).outcome == .limited)
        #expect(HostReport.speedCheck(1_049_000).finding.hasPrefix("1.0 million instructions a second: "))
        #expect(HostReport.speedCheck(19_999_999).outcome == .limited)
        #expect(HostReport.speedCheck(20_000_000).outcome == .good)
        #expect(HostReport.speedCheck(950_000_000).finding == "950.0 million instructions a second")
    }

    @Test("the report as JSON names every check and both architectures")
    func json() {
        let text = HostReport.gather(kvmPath: "/nonexistent/kvm").json.text()
        for part in [
            "\"checks\"", "\"outcome\": \"missing\"", "\"arch\": \"x86_64\"", "\"arch\": \"arm64\"", "\"accel\": null",
        ] {
            #expect(text.contains(part))
        }
    }
}
