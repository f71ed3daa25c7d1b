import Glibc
import HostBridge
import HostSupport
import Testing

/// What a program can still do that has given up the rest. Each trial is a child's.
@Suite struct ConfinementTests {
    private enum Ending: Hashable {
        case exited(Int32)
        case signaled(Int32)
    }

    private func trial(_ trial: host_trial, internet: Bool) -> Ending {
        let status = host_confined_trial({ host_confine($0) }, internet, trial)
        return status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .signaled(status & 0x7F)
    }

    @Test("memory, and to end itself, is left", arguments: [false, true])
    func left(internet: Bool) {
        #expect(trial(host_trial_memory, internet: internet) == .exited(0))
        #expect(trial(host_trial_abort, internet: internet) == .signaled(SIGABRT))
    }

    @Test(
        "a program, a process, code, a file to write to, a local socket, others' signals and memory: the end",
        arguments: [
            host_trial_program, host_trial_process, host_trial_code, host_trial_new_file, host_trial_unix_socket,
            host_trial_other_signal, host_trial_other_memory,
        ])
    func ends(_ forbidden: host_trial) {
        #expect(trial(forbidden, internet: false) == .signaled(SIGSYS))
        #expect(trial(forbidden, internet: true) == .signaled(SIGSYS))
    }

    @Test("connections, and the name server's address, are for those who want them")
    func internet() {
        #expect(trial(host_trial_connection, internet: true) == .exited(0))
        #expect(trial(host_trial_connection, internet: false) == .signaled(SIGSYS))
        #expect(trial(host_trial_resolver, internet: true) == .exited(0))
        #expect(trial(host_trial_resolver, internet: false) == .exited(EACCES))
    }

    @Test("no other file of the host's is there to read", .enabled(if: host_has_landlock(), "no Landlock on this host"))
    func files() {
        #expect(trial(host_trial_other_file, internet: true) == .exited(EACCES))
        #expect(trial(host_trial_other_file, internet: false) == .exited(EACCES))
    }
}
