/// A Swift file holding an image as a base64 `StaticString`: the compiler takes a tenth of a second for it, where an array
/// literal of the bytes takes a minute.
enum Base64Source {
    static func swift(_ image: [UInt8], name: String) -> [UInt8] {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        let padding = UInt8(ascii: "=")
        var text = Array(
            "// Written by GuestImageBuilder.\nextension GuestImage {\n    static let \(name)Base64: StaticString = \""
                .utf8)
        text.reserveCapacity(text.count + image.count / 3 * 4 + 64)
        var index = 0
        while index < image.count {
            let left = image.count - index
            let a = Int(image[index])
            let b = left > 1 ? Int(image[index + 1]) : 0
            let c = left > 2 ? Int(image[index + 2]) : 0
            text.append(digits[a >> 2])
            text.append(digits[(a & 3) << 4 | b >> 4])
            text.append(left > 1 ? digits[(b & 15) << 2 | c >> 6] : padding)
            text.append(left > 2 ? digits[c & 63] : padding)
            index += 3
        }
        text += Array("\"\n}\n".utf8)
        return text
    }
}
