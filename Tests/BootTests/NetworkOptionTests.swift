internal import Testing
internal import VMMTestSupport

/// `--net`: what is refused, each with one line that says what would do.
@Suite struct NetworkOptionTests {
    @Test(
        "settings that make no sense are usage errors",
        arguments: [
            (["--net", "wlan"], "user, tap=NAME, fd=NUMBER, socket=PATH or none is wanted first"),
            (["--net", "user,colour=red"], "'colour' is none of"),
            (["--net", "user,mtu=1500,mtu=1500"], "'mtu' is there twice"),
            (["--net", "user,mac=01:00:00:00:00:00"], "the first of them even"),
            (["--net", "user,queues=9"], "from 1 to 8 pairs of queues"),
            (["--net", "user,iops=none"], "iops"),
            (["--net", "user,hostfwd=tcp:80"], "hostfwd"),
            (["--net", "tap="], "a name of 1 to 15 bytes is wanted"),
            (["--net", "tap=a-name-of-16-byte"], "a name of 1 to 15 bytes is wanted"),
            (["--net", "fd=2"], "from 3 on"),
            (["--net", "none", "--net", "user"], "there are other --net"),
            (["--capture", "frames.pcap"], "there is no network"),
        ] as [([String], String)])
    func usage(_ arguments: [String], _ words: String) throws {
        let ended = try Swvmm.run(["boot", "--arch", "arm64", "--timeout", "60"] + arguments)
        #expect(ended.ending == .exited(2), "\(ended.errors)")
        #expect(ended.errors.contains(words), "no '\(words)' in \(ended.errors)")
    }

    @Test("what the host refuses: nobody listens; a descriptor that is no tap device")
    func refused() throws {
        for (network, words) in [
            ("socket=/nonexistent/socket", "cannot connect"), ("fd=100", "descriptor 100: is no tap device"),
        ] {
            let ended = try Swvmm.run(["boot", "--arch", "arm64", "--timeout", "60", "--net", network])
            #expect(ended.ending == .exited(1), "\(ended.errors)")
            #expect(ended.errors.contains(words), "no '\(words)' in \(ended.errors)")
        }
    }
}
