internal import ArgumentParser
internal import VMM

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Tells what this host can run, why not, and how to mend it.",
        discussion: "Exits with 0 when guests of the host's own architecture can run on KVM, else with 1."
    )

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let report = HostReport.gather()
        if json { print(report.json.text()) } else { printTable(report) }
        let hostGuests = report.guests.first { $0.architecture == .host }
        if hostGuests?.accelerator != .kvm { throw ExitCode(ProcessExitCode.hostError) }
    }

    private func printTable(_ report: HostReport) {
        let nameWidth = report.checks.map(\.name.count).max() ?? 0
        for check in report.checks {
            let mark =
                switch check.outcome {
                case .good: "ok     "
                case .limited: "limited"
                case .missing: "missing"
                }
            let padding = String(repeating: " ", count: nameWidth - check.name.count)
            print("\(mark)  \(check.name)\(padding)  \(check.finding)")
            if let remedy = check.remedy { print("         \(String(repeating: " ", count: nameWidth))  -> \(remedy)") }
        }
        print("")
        for guest in report.guests {
            let answer = guest.accelerator.map { "yes, on \($0 == .kvm ? "KVM" : "the software CPU")" } ?? "no"
            print("\(guest.architecture.rawValue) guests: \(answer): \(guest.reason)")
        }
    }
}
