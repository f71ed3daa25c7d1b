import Testing
import VMMCore

@testable import VMM

@Suite struct ExitTraceTests {
    @Test("the last exits come oldest first, and no more than the capacity")
    func lastExits() {
        var trace = ExitTrace()
        for number in 0..<100 { trace.record(.portWrite(port: UInt16(number), width: .byte, value: 0), .portWrite) }
        let ports: [UInt16] = trace.last.compactMap { exit in
            if case .portWrite(let port, _, _) = exit { port } else { nil }
        }
        #expect(ports == Array(68...99))
        #expect(trace.total == 100)
        #expect(trace.count(of: .portWrite) == 100)
        #expect(trace.count(of: .mmioRead) == 0)
    }

    @Test("neighbouring writes to one place become one line with their number and the last value")
    func repeatedExits() {
        let write = VCPUExit.portWrite(port: 0x80, width: .byte, value: 0x41)
        let last = VCPUExit.portWrite(port: 0x80, width: .byte, value: 0x42)
        let wider = VCPUExit.portWrite(port: 0x80, width: .word, value: 0x42)
        let lines = MachineReport.VCPU.lines(of: [write, write, last, wider, .halted, write])
        #expect(
            lines == [
                "port write 0x80 8-bit value 0x42 (the last of 3)", "port write 0x80 32-bit value 0x42", "halt",
                "port write 0x80 8-bit value 0x41",
            ])
    }
}
