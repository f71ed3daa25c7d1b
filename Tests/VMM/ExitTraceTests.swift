import Testing
import VMMCore

@testable import VMM

@Suite struct ExitTraceTests {
    @Test("the last exits come oldest first, and no more than the capacity")
    func lastExits() {
        var trace = ExitTrace()
        for number in 0..<100 { trace.record(.portWrite(port: UInt16(number), width: .byte, value: 0)) }
        let ports: [UInt16] = trace.last.compactMap { exit in
            if case .portWrite(let port, _, _) = exit { port } else { nil }
        }
        #expect(ports == Array(68...99))
        #expect(trace.total == 100)
        #expect(trace.count(of: .portWrite) == 100)
        #expect(trace.count(of: .mmioRead) == 0)
    }

    @Test("equal neighbours of a report's exits become one line with a count")
    func repeatedExits() {
        let write = VCPUExit.portWrite(port: 0x80, width: .byte, value: 0x41)
        let lines = MachineReport.VCPU.lines(of: [write, write, write, .halted, write])
        #expect(
            lines == [
                "port write 0x80 8-bit value 0x41 (3 times)", "halt", "port write 0x80 8-bit value 0x41",
            ])
    }
}
