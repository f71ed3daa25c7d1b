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
            guard setting.key == "ro", setting.value == nil else { throw .unknownKey(argument, setting.key) }
            guard !share.isReadOnly else { throw .repeatedKey(argument, setting.key) }
            share.isReadOnly = true
        }
        return share
    }
}

/// What is wrong with a `--share`.
enum ShareArgumentError: Error, Hashable {
    case badTag(String)
    case noPath(String)
    case unknownKey(String, String)
    case repeatedKey(String, String)
    case repeatedTag(String)
}
