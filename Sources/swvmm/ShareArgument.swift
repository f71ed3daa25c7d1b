internal import VMM

/// The value of `--share`: a tag, an equals sign, a directory, and settings behind commas.
enum ShareArgument {
    /// What a guest types, and QEMU takes too.
    static let tagLimit = 31

    /// All of a command line's shares.
    static func shares(_ arguments: [String]) throws(ShareArgumentError) -> [MachineConfiguration.Share] {
        var shares: [MachineConfiguration.Share] = []
        for argument in arguments { shares.append(try share(argument)) }
        var tags: Set<String> = []
        for share in shares {
            guard tags.insert(share.tag).inserted else { throw .repeatedTag(share.tag) }
        }
        return shares
    }

    private static func share(_ argument: String) throws(ShareArgumentError) -> MachineConfiguration.Share {
        let list = SettingList(argument)
        let subject = SettingList.Setting(list.subject)
        guard SettingList.isName(subject.key), subject.key.utf8.count <= tagLimit else { throw .badTag(argument) }
        guard let path = subject.value, !path.isEmpty else { throw .noPath(argument) }
        var share = MachineConfiguration.Share(tag: subject.key, path: path)
        for setting in list.settings {
            switch (setting.key, setting.value) {
            case ("ro", nil):
                guard !share.isReadOnly else { throw .repeatedKey(argument, setting.key) }
                share.isReadOnly = true
            case ("virtiofsd", let program):
                guard share.server == .nineP else { throw .repeatedKey(argument, setting.key) }
                guard program != "" else { throw .noProgram(argument) }
                share.server = .virtiofsd(path: program)
            default: throw .unknownKey(argument, setting.key)
            }
        }
        // The guest's mount could be written to.
        guard !share.isReadOnly || share.server == .nineP else { throw .readOnlyProgram(argument) }
        return share
    }
}

/// What is wrong with a `--share`.
enum ShareArgumentError: Error, Hashable {
    case badTag(String)
    case noPath(String)
    case unknownKey(String, String)
    case repeatedKey(String, String)
    /// No path behind `virtiofsd=`.
    case noProgram(String)
    /// virtiofsd, and read-only.
    case readOnlyProgram(String)
    case repeatedTag(String)
}
