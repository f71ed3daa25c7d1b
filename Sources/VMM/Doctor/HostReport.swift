/// What this host can run, and why not: the values behind `swvmm doctor`.
package struct HostReport: Sendable {
    /// One thing that was looked at.
    package struct Check: Sendable {
        package enum Outcome: String, Sendable {
            case good
            /// Works, with less than one could wish for.
            case limited
            case missing
        }

        package let name: String
        package let outcome: Outcome
        /// What was found.
        package let finding: String
        /// What to do about it; nil when nothing needs to be done, or nothing can.
        package let remedy: String?
    }

    /// Whether guests of one architecture can run here.
    package struct GuestSupport: Sendable {
        package let architecture: MachineConfiguration.Architecture
        /// What would run them; nil when nothing can.
        package let accelerator: MachineConfiguration.Accelerator?
        package let reason: String
    }

    package let checks: [Check]
    package let guests: [GuestSupport]

    package var json: JSON {
        .object([
            (
                "checks",
                .array(
                    checks.map { check in
                        .object([
                            ("name", .string(check.name)), ("outcome", .string(check.outcome.rawValue)),
                            ("finding", .string(check.finding)), ("remedy", check.remedy.map(JSON.string) ?? .null),
                        ])
                    })
            ),
            (
                "guests",
                .array(
                    guests.map { guest in
                        .object([
                            ("arch", .string(guest.architecture.rawValue)),
                            ("accel", guest.accelerator.map { .string($0.rawValue) } ?? .null),
                            ("reason", .string(guest.reason)),
                        ])
                    })
            ),
        ])
    }
}
