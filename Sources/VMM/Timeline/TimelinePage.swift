internal import VMMCore

/// Draws a recording as one self-contained HTML page: no script, no external file.
package struct TimelinePage {
    /// What the page's head says about the run.
    package struct Summary: Sendable {
        package var title: String
        package var facts: [(name: String, value: String)]

        package init(title: String, facts: [(name: String, value: String)]) {
            self.title = title
            self.facts = facts
        }
    }

    private let recording: TimelineRecorder.Recording
    private let summary: Summary

    // The drawing, in SVG user units.
    private static let left = 150.0, width = 1000.0, rowHeight = 22.0, chartHeight = 220.0

    package init(_ recording: TimelineRecorder.Recording, _ summary: Summary) {
        self.recording = recording
        self.summary = summary
    }

    package var html: String {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><title>\(escaped(summary.title))</title>
        <style>
        body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; color: #1a1a1a; background: #fff }
        h1 { font-size: 1.3em } h2 { font-size: 1.05em; margin-top: 1.6em }
        dl { display: grid; grid-template-columns: max-content auto; gap: .1em 1em } dt { color: #666 } dd { margin: 0 }
        table { border-collapse: collapse; font: 12px/1.35 ui-monospace, monospace }
        td { padding: 0 1em 0 0; white-space: pre-wrap; vertical-align: top } td:first-child { text-align: right; color: #666 }
        svg text { font: 12px system-ui, sans-serif } .axis { stroke: #ccc } .tick { fill: #666 }
        .phase { fill: #4c78a8 } .mark { stroke: #e45756; stroke-width: 1.5 } .line { stroke: #54a24b }
        </style></head><body>
        <h1>\(escaped(summary.title))</h1>
        <dl>\(summary.facts.map { "<dt>\(escaped($0.name))</dt><dd>\(escaped($0.value))</dd>" }.joined(separator: "\n"))</dl>
        <h2>Time from the start of the process</h2>
        \(drawing)
        <h2>Console</h2>
        <table>
        \(recording.lines.map { "<tr><td>\(milliseconds($0.time - recording.start))</td><td>\(escaped($0.text))</td></tr>" }.joined(separator: "\n"))
        </table>
        \(recording.droppedLines > 0 ? "<p>\(recording.droppedLines) later lines were not recorded.</p>" : "")
        </body></html>

        """
    }

    // MARK: - The drawing

    private var duration: Nanoseconds { max(recording.end - recording.start, Nanoseconds(1)) }

    private func x(_ time: Nanoseconds) -> Double {
        Self.left + Self.width * min(1, Double((time - recording.start).rawValue) / Double(duration.rawValue))
    }

    private var drawing: String {
        let spans = recording.phases
        let consoleTop = Double(spans.count) * Self.rowHeight + 10
        let chartTop = consoleTop + 40
        let chartBottom = chartTop + Self.chartHeight
        let kinds = usedKinds
        let height = chartBottom + 60
        var parts = ["<svg viewBox=\"0 0 \(format(Self.left + Self.width + 30)) \(format(height))\" role=\"img\">"]
        parts.append(axis(bottom: chartBottom))
        for (row, phase) in spans.enumerated() { parts.append(drawn(phase, row: row, bottom: chartBottom)) }
        parts.append("<text x=\"0\" y=\"\(format(consoleTop + 16))\">console lines</text>")
        for line in recording.lines {
            let x = format(x(line.time))
            parts.append(
                "<line class=\"line\" x1=\"\(x)\" x2=\"\(x)\" y1=\"\(format(consoleTop + 4))\" y2=\"\(format(consoleTop + 22))\">"
                    + "<title>\(milliseconds(line.time - recording.start)) \(escaped(line.text))</title></line>")
        }
        parts.append(exitChart(kinds, top: chartTop, bottom: chartBottom))
        parts.append(legend(kinds, top: chartBottom + 40))
        parts.append("</svg>")
        return parts.joined(separator: "\n")
    }

    private func axis(bottom: Double) -> String {
        (0...10).map { step in
            let time = Nanoseconds(duration.rawValue / 10 * UInt64(step))
            let x = format(Self.left + Self.width * Double(step) / 10)
            return "<line class=\"axis\" x1=\"\(x)\" x2=\"\(x)\" y1=\"0\" y2=\"\(format(bottom))\"/>"
                + "<text class=\"tick\" x=\"\(x)\" y=\"\(format(bottom + 16))\" text-anchor=\"middle\">\(milliseconds(time))</text>"
        }.joined(separator: "\n")
    }

    private func drawn(_ phase: TimelineRecorder.Phase, row: Int, bottom: Double) -> String {
        let top = Double(row) * Self.rowHeight
        let start = x(phase.start)
        let title =
            "<title>\(escaped(phase.name)): from \(milliseconds(phase.start - recording.start)), "
            + "\(milliseconds(phase.end - phase.start))</title>"
        let label = "<text x=\"0\" y=\"\(format(top + 15))\">\(escaped(phase.name))</text>"
        if phase.start == phase.end {
            return label
                + "<line class=\"mark\" x1=\"\(format(start))\" x2=\"\(format(start))\" y1=\"\(format(top))\" y2=\"\(format(bottom))\">\(title)</line>"
        }
        return label
            + "<rect class=\"phase\" x=\"\(format(start))\" y=\"\(format(top + 4))\" width=\"\(format(max(1, x(phase.end) - start)))\" height=\"14\">\(title)</rect>"
    }

    private var usedKinds: [ExitKind] {
        ExitKind.allCases.filter { kind in recording.exits.counts[kind.rawValue].contains { $0 > 0 } }
    }

    /// Stacked bars: one a bucket, a colour a kind.
    private func exitChart(_ kinds: [ExitKind], top: Double, bottom: Double) -> String {
        let histogram = recording.exits
        let totals = (0..<TimelineRecorder.bucketCount).map { bucket in
            kinds.reduce(UInt64(0)) { $0 + UInt64(histogram.counts[$1.rawValue][bucket]) }
        }
        guard let highest = totals.max(), highest > 0 else { return "" }
        let scale = (bottom - top) / Double(highest)
        var parts = [
            "<text x=\"0\" y=\"\(format(top + 12))\">exits per \(milliseconds(histogram.bucketWidth))</text>",
            "<text class=\"tick\" x=\"\(format(Self.left - 6))\" y=\"\(format(top + 12))\" text-anchor=\"end\">\(highest)</text>",
        ]
        for bucket in 0..<TimelineRecorder.bucketCount where totals[bucket] > 0 {
            let start = recording.start + Nanoseconds(histogram.bucketWidth.rawValue * UInt64(bucket))
            let barWidth = max(0.5, x(start + histogram.bucketWidth) - x(start))
            var base = bottom
            for (order, kind) in kinds.enumerated() {
                let count = histogram.counts[kind.rawValue][bucket]
                guard count > 0 else { continue }
                let barHeight = Double(count) * scale
                base -= barHeight
                parts.append(
                    "<rect fill=\"\(color(order))\" x=\"\(format(x(start)))\" y=\"\(format(base))\" width=\"\(format(barWidth))\" "
                        + "height=\"\(format(barHeight))\"><title>\(kind.name): \(count) at \(milliseconds(start - recording.start))</title></rect>"
                )
            }
        }
        return parts.joined(separator: "\n")
    }

    private func legend(_ kinds: [ExitKind], top: Double) -> String {
        kinds.enumerated().map { order, kind in
            let x = Self.left + Double(order) * 140
            let count = recording.exits.counts[kind.rawValue].reduce(UInt64(0)) { $0 + UInt64($1) }
            return
                "<rect fill=\"\(color(order))\" x=\"\(format(x))\" y=\"\(format(top - 10))\" width=\"10\" height=\"10\"/>"
                + "<text x=\"\(format(x + 14))\" y=\"\(format(top))\">\(kind.name): \(count)</text>"
        }.joined(separator: "\n")
    }

    private func color(_ order: Int) -> String {
        let palette = ["#f58518", "#b279a2", "#4c78a8", "#54a24b", "#e45756", "#72b7b2", "#eeca3b", "#9d755d"]
        return palette[order % palette.count]
    }
}

/// One decimal: enough for a drawing.
private func format(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(abs(tenths % 10))"
}

/// `12.345 ms`.
private func milliseconds(_ time: Nanoseconds) -> String {
    let microseconds = (time.rawValue + 500) / 1_000
    let fraction = String(microseconds % 1_000)
    return "\(microseconds / 1_000).\(String(repeating: "0", count: 3 - fraction.count))\(fraction) ms"
}

/// Text for HTML: markup and control characters made harmless.
private func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        case "\t": result += "\t"
        case _ where scalar.value < 0x20 || scalar.value == 0x7F: result += "\u{FFFD}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}
