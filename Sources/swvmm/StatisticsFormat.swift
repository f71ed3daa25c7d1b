internal import ArgumentParser
internal import VMM

/// How `--stats` prints.
enum StatisticsFormat: String, WordArgument {
    case table, json

    func text(of statistics: RunStatistics) -> String {
        switch self {
        case .table: statistics.table
        case .json: statistics.json.text()
        }
    }
}
