internal import VMMCore

// The flat switch: one function, a loop over blocks, in it a loop over micro-ops. Everything that runs often is a case here;
// the rest goes to functions of its own by group. What a case needs besides the state block is in three locals: the block, the
// address of its first instruction, and the position in its micro-ops. Nothing here captures, allocates or counts references.

extension Core {
    /// Executes until attention is due, the budget is spent or an exit is pending.
    ///
    /// At return the state is that between two instructions, and `budget` counts exactly those executed.
    @inline(never)
    func interpret() {
        let s = state
        while s.attention == 0 && s.budget > 0 {
            let pc = s.pc
            guard var block = s.jumpCache.find(pc, key: s.jumpKey) ?? findBlock()
            else { continue }
            completeLink(to: block)
            run: while true {
                s.budget &-= block.count
                let base = s.pc
                var cursor = block.firstOp
                body: while true {
                    let op = cursor
                    switch op.opcode {

                    case .moveImmediate:
                        s.setX(op.d, op.immediate)
                    case .moveKeep:
                        s.setX(op.d, (s.x(op.n) & ~(0xFFFF &<< UInt64(op.a)) | op.immediate) & (~0 &>> UInt64(op.b)))
                    case .adr:
                        s.setX(op.d, base &+ op.immediate)
                    case .adrp:
                        s.setX(op.d, (base & SoftTLB.pageMask) &+ op.immediate)
                    case .addImmediateX:
                        s.setX(op.d, s.x(op.n) &+ op.immediate)
                    case .addImmediateW:
                        s.setW(op.d, s.w(op.n) &+ UInt32(truncatingIfNeeded: op.immediate))
                    case .addsImmediateX:
                        s.setX(op.d, s.addFlags(s.x(op.n), op.immediate))
                    case .addsImmediateW:
                        s.setW(op.d, s.addFlags(s.w(op.n), UInt32(truncatingIfNeeded: op.immediate)))
                    case .subsImmediateX:
                        s.setX(op.d, s.subtractFlags(s.x(op.n), op.immediate))
                    case .subsImmediateW:
                        s.setW(op.d, s.subtractFlags(s.w(op.n), UInt32(truncatingIfNeeded: op.immediate)))
                    case .andImmediate:
                        s.setX(op.d, s.x(op.n) & op.immediate)
                    case .orrImmediateX:
                        s.setX(op.d, s.x(op.n) | op.immediate)
                    case .orrImmediateW:
                        s.setW(op.d, s.w(op.n) | UInt32(truncatingIfNeeded: op.immediate))
                    case .eorImmediateX:
                        s.setX(op.d, s.x(op.n) ^ op.immediate)
                    case .eorImmediateW:
                        s.setW(op.d, s.w(op.n) ^ UInt32(truncatingIfNeeded: op.immediate))
                    case .andsImmediateX:
                        s.setX(op.d, s.logicalFlags(s.x(op.n) & op.immediate))
                    case .andsImmediateW:
                        s.setW(op.d, s.logicalFlags(s.w(op.n) & UInt32(truncatingIfNeeded: op.immediate)))
                    case .ubfx:
                        s.setX(op.d, s.x(op.n) &>> UInt64(op.a) & op.immediate)
                    case .ubfiz:
                        s.setX(op.d, (s.x(op.n) & op.immediate) &<< UInt64(op.a))
                    case .sbfmX:
                        s.setX(op.d, UInt64(bitPattern: Int64(bitPattern: s.x(op.n) &<< UInt64(op.a)) &>> Int64(op.b)))
                    case .sbfmW:
                        s.setX(
                            op.d,
                            UInt64(bitPattern: Int64(bitPattern: s.x(op.n) &<< UInt64(op.a)) &>> Int64(op.b))
                                & 0xFFFF_FFFF)
                    case .bfmLeft:
                        let moved = s.x(op.n) &<< UInt64(op.a) & op.immediate
                        s.setX(op.d, (s.x(op.m) & ~op.immediate | moved) & (~0 &>> UInt64(op.b)))
                    case .bfmRight:
                        let moved = s.x(op.n) &>> UInt64(op.a) & op.immediate
                        s.setX(op.d, (s.x(op.m) & ~op.immediate | moved) & (~0 &>> UInt64(op.b)))
                    case .extrX:
                        s.setX(op.d, Arithmetic.extract(s.x(op.n), s.x(op.m), op.a))
                    case .extrW:
                        s.setW(op.d, Arithmetic.extract(s.w(op.n), s.w(op.m), op.a))
                    case .addX:
                        s.setX(op.d, s.x(op.n) &+ s.x(op.m))
                    case .addW:
                        s.setW(op.d, s.w(op.n) &+ s.w(op.m))
                    case .subX:
                        s.setX(op.d, s.x(op.n) &- s.x(op.m))
                    case .subW:
                        s.setW(op.d, s.w(op.n) &- s.w(op.m))
                    case .andX:
                        s.setX(op.d, s.x(op.n) & s.x(op.m))
                    case .andW:
                        s.setW(op.d, s.w(op.n) & s.w(op.m))
                    case .orrX:
                        s.setX(op.d, s.x(op.n) | s.x(op.m))
                    case .orrW:
                        s.setW(op.d, s.w(op.n) | s.w(op.m))
                    case .eorX:
                        s.setX(op.d, s.x(op.n) ^ s.x(op.m))
                    case .eorW:
                        s.setW(op.d, s.w(op.n) ^ s.w(op.m))
                    case .addsX:
                        s.setX(op.d, s.addFlags(s.x(op.n), s.x(op.m)))
                    case .addsW:
                        s.setW(op.d, s.addFlags(s.w(op.n), s.w(op.m)))
                    case .subsX:
                        s.setX(op.d, s.subtractFlags(s.x(op.n), s.x(op.m)))
                    case .subsW:
                        s.setW(op.d, s.subtractFlags(s.w(op.n), s.w(op.m)))
                    case .andsX:
                        s.setX(op.d, s.logicalFlags(s.x(op.n) & s.x(op.m)))
                    case .andsW:
                        s.setW(op.d, s.logicalFlags(s.w(op.n) & s.w(op.m)))
                    case .addShiftedX:
                        s.setX(op.d, s.x(op.n) &+ s.shiftedX(op))
                    case .addShiftedW:
                        s.setW(op.d, s.w(op.n) &+ s.shiftedW(op))
                    case .subShiftedX:
                        s.setX(op.d, s.x(op.n) &- s.shiftedX(op))
                    case .subShiftedW:
                        s.setW(op.d, s.w(op.n) &- s.shiftedW(op))
                    case .addsShiftedX:
                        s.setX(op.d, s.addFlags(s.x(op.n), s.shiftedX(op)))
                    case .addsShiftedW:
                        s.setW(op.d, s.addFlags(s.w(op.n), s.shiftedW(op)))
                    case .subsShiftedX:
                        s.setX(op.d, s.subtractFlags(s.x(op.n), s.shiftedX(op)))
                    case .subsShiftedW:
                        s.setW(op.d, s.subtractFlags(s.w(op.n), s.shiftedW(op)))
                    case .andShiftedX:
                        s.setX(op.d, s.x(op.n) & (s.shiftedX(op) ^ op.immediate))
                    case .andShiftedW:
                        s.setW(op.d, s.w(op.n) & (s.shiftedW(op) ^ UInt32(truncatingIfNeeded: op.immediate)))
                    case .orrShiftedX:
                        s.setX(op.d, s.x(op.n) | (s.shiftedX(op) ^ op.immediate))
                    case .orrShiftedW:
                        s.setW(op.d, s.w(op.n) | (s.shiftedW(op) ^ UInt32(truncatingIfNeeded: op.immediate)))
                    case .eorShiftedX:
                        s.setX(op.d, s.x(op.n) ^ (s.shiftedX(op) ^ op.immediate))
                    case .eorShiftedW:
                        s.setW(op.d, s.w(op.n) ^ (s.shiftedW(op) ^ UInt32(truncatingIfNeeded: op.immediate)))
                    case .andsShiftedX:
                        s.setX(op.d, s.logicalFlags(s.x(op.n) & (s.shiftedX(op) ^ op.immediate)))
                    case .andsShiftedW:
                        s.setW(
                            op.d,
                            s.logicalFlags(s.w(op.n) & (s.shiftedW(op) ^ UInt32(truncatingIfNeeded: op.immediate))))
                    case .addExtendedX:
                        s.setX(op.d, s.x(op.n) &+ s.extended(op))
                    case .addExtendedW:
                        s.setW(op.d, s.w(op.n) &+ UInt32(truncatingIfNeeded: s.extended(op)))
                    case .subExtendedX:
                        s.setX(op.d, s.x(op.n) &- s.extended(op))
                    case .subExtendedW:
                        s.setW(op.d, s.w(op.n) &- UInt32(truncatingIfNeeded: s.extended(op)))
                    case .addsExtendedX:
                        s.setX(op.d, s.addFlags(s.x(op.n), s.extended(op)))
                    case .addsExtendedW:
                        s.setW(op.d, s.addFlags(s.w(op.n), UInt32(truncatingIfNeeded: s.extended(op))))
                    case .subsExtendedX:
                        s.setX(op.d, s.subtractFlags(s.x(op.n), s.extended(op)))
                    case .subsExtendedW:
                        s.setW(op.d, s.subtractFlags(s.w(op.n), UInt32(truncatingIfNeeded: s.extended(op))))
                    case .adcX:
                        s.setX(op.d, s.x(op.n) &+ (s.x(op.m) ^ op.immediate) &+ s.carry)
                    case .adcW:
                        s.setW(
                            op.d,
                            s.w(op.n) &+ (s.w(op.m) ^ UInt32(truncatingIfNeeded: op.immediate))
                                &+ UInt32(truncatingIfNeeded: s.carry))
                    case .adcsX:
                        s.setX(op.d, s.addCarryFlags(s.x(op.n), s.x(op.m) ^ op.immediate))
                    case .adcsW:
                        s.setW(op.d, s.addCarryFlags(s.w(op.n), s.w(op.m) ^ UInt32(truncatingIfNeeded: op.immediate)))
                    case .udivX:
                        s.setX(op.d, Arithmetic.unsignedQuotient(s.x(op.n), s.x(op.m)))
                    case .sdivX:
                        s.setX(
                            op.d,
                            UInt64(
                                bitPattern: Arithmetic.signedQuotient(
                                    Int64(bitPattern: s.x(op.n)), Int64(bitPattern: s.x(op.m)))))
                    case .lslvX:
                        s.setX(op.d, s.x(op.n) &<< s.x(op.m))
                    case .lsrvX:
                        s.setX(op.d, s.x(op.n) &>> s.x(op.m))
                    case .asrvX:
                        s.setX(op.d, UInt64(bitPattern: Int64(bitPattern: s.x(op.n)) &>> Int64(bitPattern: s.x(op.m))))
                    case .rorvX:
                        s.setX(op.d, Arithmetic.rotateRight(s.x(op.n), s.x(op.m)))
                    case .rbitX:
                        s.setX(op.d, Arithmetic.reverseBits(s.x(op.n)))
                    case .revX:
                        s.setX(op.d, s.x(op.n).byteSwapped)
                    case .clzX:
                        s.setX(op.d, UInt64(truncatingIfNeeded: s.x(op.n).leadingZeroBitCount))
                    case .clsX:
                        s.setX(op.d, Arithmetic.leadingSignBits(s.x(op.n)))
                    case .maddX:
                        s.setX(op.d, s.x(op.a) &+ s.x(op.n) &* s.x(op.m))
                    case .msubX:
                        s.setX(op.d, s.x(op.a) &- s.x(op.n) &* s.x(op.m))
                    case .udivW:
                        s.setW(op.d, Arithmetic.unsignedQuotient(s.w(op.n), s.w(op.m)))
                    case .sdivW:
                        s.setW(
                            op.d,
                            UInt32(
                                bitPattern: Arithmetic.signedQuotient(
                                    Int32(bitPattern: s.w(op.n)), Int32(bitPattern: s.w(op.m)))))
                    case .lslvW:
                        s.setW(op.d, s.w(op.n) &<< s.w(op.m))
                    case .lsrvW:
                        s.setW(op.d, s.w(op.n) &>> s.w(op.m))
                    case .asrvW:
                        s.setW(op.d, UInt32(bitPattern: Int32(bitPattern: s.w(op.n)) &>> Int32(bitPattern: s.w(op.m))))
                    case .rorvW:
                        s.setW(op.d, Arithmetic.rotateRight(s.w(op.n), s.w(op.m)))
                    case .rbitW:
                        s.setW(op.d, Arithmetic.reverseBits(s.w(op.n)))
                    case .revW:
                        s.setW(op.d, s.w(op.n).byteSwapped)
                    case .clzW:
                        s.setW(op.d, UInt32(truncatingIfNeeded: s.w(op.n).leadingZeroBitCount))
                    case .clsW:
                        s.setW(op.d, Arithmetic.leadingSignBits(s.w(op.n)))
                    case .maddW:
                        s.setW(op.d, s.w(op.a) &+ s.w(op.n) &* s.w(op.m))
                    case .msubW:
                        s.setW(op.d, s.w(op.a) &- s.w(op.n) &* s.w(op.m))
                    case .crc32:
                        s.setX(op.d, Arithmetic.crc32(s.w(op.n), s.x(op.m), log2Size: op.a, isCastagnoli: op.b != 0))
                    case .rev16:
                        let value = s.x(op.n)
                        let swapped = (value & 0x00FF_00FF_00FF_00FF) &<< 8 | value &>> 8 & 0x00FF_00FF_00FF_00FF
                        s.setX(op.d, swapped & (~0 &>> UInt64(op.b)))
                    case .revWords:
                        let value = s.x(op.n).byteSwapped
                        s.setX(op.d, value &>> 32 | value &<< 32)
                    case .csel:
                        s.setX(op.d, (s.holds(op.immediate) ? s.x(op.n) : s.x(op.m)) & (~0 &>> UInt64(op.b)))
                    case .csinc:
                        s.setX(op.d, (s.holds(op.immediate) ? s.x(op.n) : s.x(op.m) &+ 1) & (~0 &>> UInt64(op.b)))
                    case .csinv:
                        s.setX(op.d, (s.holds(op.immediate) ? s.x(op.n) : ~s.x(op.m)) & (~0 &>> UInt64(op.b)))
                    case .csneg:
                        s.setX(op.d, (s.holds(op.immediate) ? s.x(op.n) : 0 &- s.x(op.m)) & (~0 &>> UInt64(op.b)))
                    case .ccmp:
                        s.conditionalCompare(op, mask: op.immediate)
                    case .smaddl:
                        s.setX(op.d, s.x(op.a) &+ s.signedProduct(op))
                    case .smsubl:
                        s.setX(op.d, s.x(op.a) &- s.signedProduct(op))
                    case .umaddl:
                        s.setX(op.d, s.x(op.a) &+ UInt64(s.w(op.n)) &* UInt64(s.w(op.m)))
                    case .umsubl:
                        s.setX(op.d, s.x(op.a) &- UInt64(s.w(op.n)) &* UInt64(s.w(op.m)))
                    case .smulh:
                        let product = Int64(bitPattern: s.x(op.n)).multipliedFullWidth(by: Int64(bitPattern: s.x(op.m)))
                        s.setX(op.d, UInt64(bitPattern: product.high))
                    case .umulh:
                        s.setX(op.d, s.x(op.n).multipliedFullWidth(by: s.x(op.m)).high)
                    case .nop:
                        break
                    case .branch:
                        guard let next = follow(block, true, from: base, to: op.immediate) else { break run }
                        block = next
                        continue run
                    case .branchLink:
                        s.setX(30, base &+ UInt64(bitPattern: block.count &* 4))
                        guard let next = follow(block, true, from: base, to: op.immediate) else { break run }
                        block = next
                        continue run
                    case .branchConditional:
                        guard let next = follow(block, s.holds(op.condition), from: base, to: op.immediate) else {
                            break run
                        }
                        block = next
                        continue run
                    case .cbzX:
                        guard let next = follow(block, s.x(op.n) == 0, from: base, to: op.immediate) else { break run }
                        block = next
                        continue run
                    case .cbzW:
                        guard let next = follow(block, s.w(op.n) == 0, from: base, to: op.immediate) else { break run }
                        block = next
                        continue run
                    case .cbnzX:
                        guard let next = follow(block, s.x(op.n) != 0, from: base, to: op.immediate) else { break run }
                        block = next
                        continue run
                    case .cbnzW:
                        guard let next = follow(block, s.w(op.n) != 0, from: base, to: op.immediate) else { break run }
                        block = next
                        continue run
                    case .tbz:
                        guard
                            let next = follow(block, s.x(op.n) &>> UInt64(op.a) & 1 == 0, from: base, to: op.immediate)
                        else { break run }
                        block = next
                        continue run
                    case .tbnz:
                        guard
                            let next = follow(block, s.x(op.n) &>> UInt64(op.a) & 1 != 0, from: base, to: op.immediate)
                        else { break run }
                        block = next
                        continue run
                    case .subsImmediateBranchX:
                        s.setX(op.d, s.subtractFlags(s.x(op.n), op.immediate &>> 32))
                        guard let next = follow(block, s.holds(op.condition), from: base, to: op.addressDisplacement)
                        else {
                            break run
                        }
                        block = next
                        continue run
                    case .subsImmediateBranchW:
                        s.setW(op.d, s.subtractFlags(s.w(op.n), UInt32(truncatingIfNeeded: op.immediate &>> 32)))
                        guard let next = follow(block, s.holds(op.condition), from: base, to: op.addressDisplacement)
                        else {
                            break run
                        }
                        block = next
                        continue run
                    case .andsImmediateBranchX:
                        s.setX(op.d, s.logicalFlags(s.x(op.n) & (op.immediate &>> 32)))
                        guard let next = follow(block, s.holds(op.condition), from: base, to: op.addressDisplacement)
                        else {
                            break run
                        }
                        block = next
                        continue run
                    case .andsImmediateBranchW:
                        s.setW(op.d, s.logicalFlags(s.w(op.n) & UInt32(truncatingIfNeeded: op.immediate &>> 32)))
                        guard let next = follow(block, s.holds(op.condition), from: base, to: op.addressDisplacement)
                        else {
                            break run
                        }
                        block = next
                        continue run
                    case .subsBranchX:
                        s.setX(op.d, s.subtractFlags(s.x(op.n), s.x(op.m)))
                        guard let next = follow(block, s.holds(op.condition), from: base, to: op.addressDisplacement)
                        else {
                            break run
                        }
                        block = next
                        continue run
                    case .subsBranchW:
                        s.setW(op.d, s.subtractFlags(s.w(op.n), s.w(op.m)))
                        guard let next = follow(block, s.holds(op.condition), from: base, to: op.addressDisplacement)
                        else {
                            break run
                        }
                        block = next
                        continue run
                    case .andsBranchX:
                        s.setX(op.d, s.logicalFlags(s.x(op.n) & s.x(op.m)))
                        guard let next = follow(block, s.holds(op.condition), from: base, to: op.addressDisplacement)
                        else {
                            break run
                        }
                        block = next
                        continue run
                    case .andsBranchW:
                        s.setW(op.d, s.logicalFlags(s.w(op.n) & s.w(op.m)))
                        guard let next = follow(block, s.holds(op.condition), from: base, to: op.addressDisplacement)
                        else {
                            break run
                        }
                        block = next
                        continue run
                    case .ccmpBranch:
                        s.conditionalCompare(op, mask: op.immediate &>> 32)
                        guard
                            let next = follow(
                                block, s.holds(op.immediate &>> 48), from: base, to: op.addressDisplacement)
                        else {
                            break run
                        }
                        block = next
                        continue run
                    case .deadBlock:
                        s.budget &+= block.count
                        guard let next = findBlock() else { break run }
                        block = next
                        continue run
                    case .branchRegister:
                        s.pc = s.x(op.n)
                        break run
                    case .branchLinkRegister:
                        let target = s.x(op.n)
                        s.setX(30, base &+ UInt64(bitPattern: block.count &* 4))
                        s.pc = target
                        break run
                    case .endOfBlock:
                        guard let next = follow(block, false, from: base, to: 0) else { break run }
                        block = next
                        continue run
                    case .endOfContext:
                        s.pc = base &+ UInt64(bitPattern: block.count &* 4)
                        break run
                    case .loadB:
                        guard let value = load(UInt8.self, s.x(op.n) &+ op.immediate) else { break body }
                        s.setX(op.d, UInt64(value))
                    case .loadH:
                        guard let value = load(UInt16.self, s.x(op.n) &+ op.immediate) else { break body }
                        s.setX(op.d, UInt64(value))
                    case .loadW:
                        guard let value = load(UInt32.self, s.x(op.n) &+ op.immediate) else { break body }
                        s.setX(op.d, UInt64(value))
                    case .loadX:
                        guard let value = load(UInt64.self, s.x(op.n) &+ op.immediate) else { break body }
                        s.setX(op.d, value)
                    case .loadSBX:
                        guard let value = load(UInt8.self, s.x(op.n) &+ op.immediate) else { break body }
                        s.setX(op.d, UInt64(bitPattern: Int64(Int8(bitPattern: value))))
                    case .loadSBW:
                        guard let value = load(UInt8.self, s.x(op.n) &+ op.immediate) else { break body }
                        s.setW(op.d, UInt32(bitPattern: Int32(Int8(bitPattern: value))))
                    case .loadSHX:
                        guard let value = load(UInt16.self, s.x(op.n) &+ op.immediate) else { break body }
                        s.setX(op.d, UInt64(bitPattern: Int64(Int16(bitPattern: value))))
                    case .loadSHW:
                        guard let value = load(UInt16.self, s.x(op.n) &+ op.immediate) else { break body }
                        s.setW(op.d, UInt32(bitPattern: Int32(Int16(bitPattern: value))))
                    case .loadSWX:
                        guard let value = load(UInt32.self, s.x(op.n) &+ op.immediate) else { break body }
                        s.setX(op.d, UInt64(bitPattern: Int64(Int32(bitPattern: value))))
                    case .storeB:
                        guard store(UInt8(truncatingIfNeeded: s.x(op.d)), s.x(op.n) &+ op.immediate) else { break body }
                    case .storeH:
                        guard store(UInt16(truncatingIfNeeded: s.x(op.d)), s.x(op.n) &+ op.immediate) else {
                            break body
                        }
                    case .storeW:
                        guard store(UInt32(truncatingIfNeeded: s.x(op.d)), s.x(op.n) &+ op.immediate) else {
                            break body
                        }
                    case .storeX:
                        guard store(s.x(op.d), s.x(op.n) &+ op.immediate) else { break body }
                    case .loadBIndexed:
                        guard let value = load(UInt8.self, s.x(op.n) &+ s.index(op)) else { break body }
                        s.setX(op.d, UInt64(value))
                    case .loadHIndexed:
                        guard let value = load(UInt16.self, s.x(op.n) &+ s.index(op)) else { break body }
                        s.setX(op.d, UInt64(value))
                    case .loadWIndexed:
                        guard let value = load(UInt32.self, s.x(op.n) &+ s.index(op)) else { break body }
                        s.setX(op.d, UInt64(value))
                    case .loadXIndexed:
                        guard let value = load(UInt64.self, s.x(op.n) &+ s.index(op)) else { break body }
                        s.setX(op.d, value)
                    case .loadSBXIndexed:
                        guard let value = load(UInt8.self, s.x(op.n) &+ s.index(op)) else { break body }
                        s.setX(op.d, UInt64(bitPattern: Int64(Int8(bitPattern: value))))
                    case .loadSBWIndexed:
                        guard let value = load(UInt8.self, s.x(op.n) &+ s.index(op)) else { break body }
                        s.setW(op.d, UInt32(bitPattern: Int32(Int8(bitPattern: value))))
                    case .loadSHXIndexed:
                        guard let value = load(UInt16.self, s.x(op.n) &+ s.index(op)) else { break body }
                        s.setX(op.d, UInt64(bitPattern: Int64(Int16(bitPattern: value))))
                    case .loadSHWIndexed:
                        guard let value = load(UInt16.self, s.x(op.n) &+ s.index(op)) else { break body }
                        s.setW(op.d, UInt32(bitPattern: Int32(Int16(bitPattern: value))))
                    case .loadSWXIndexed:
                        guard let value = load(UInt32.self, s.x(op.n) &+ s.index(op)) else { break body }
                        s.setX(op.d, UInt64(bitPattern: Int64(Int32(bitPattern: value))))
                    case .storeBIndexed:
                        guard store(UInt8(truncatingIfNeeded: s.x(op.d)), s.x(op.n) &+ s.index(op)) else { break body }
                    case .storeHIndexed:
                        guard store(UInt16(truncatingIfNeeded: s.x(op.d)), s.x(op.n) &+ s.index(op)) else { break body }
                    case .storeWIndexed:
                        guard store(UInt32(truncatingIfNeeded: s.x(op.d)), s.x(op.n) &+ s.index(op)) else { break body }
                    case .storeXIndexed:
                        guard store(s.x(op.d), s.x(op.n) &+ s.index(op)) else { break body }
                    case .loadBWriteback:
                        guard let value = load(UInt8.self, s.x(op.n) &+ op.addressDisplacement) else { break body }
                        s.setX(op.n, s.x(op.n) &+ op.writebackDisplacement)
                        s.setX(op.d, UInt64(value))
                    case .loadHWriteback:
                        guard let value = load(UInt16.self, s.x(op.n) &+ op.addressDisplacement) else { break body }
                        s.setX(op.n, s.x(op.n) &+ op.writebackDisplacement)
                        s.setX(op.d, UInt64(value))
                    case .loadWWriteback:
                        guard let value = load(UInt32.self, s.x(op.n) &+ op.addressDisplacement) else { break body }
                        s.setX(op.n, s.x(op.n) &+ op.writebackDisplacement)
                        s.setX(op.d, UInt64(value))
                    case .loadXWriteback:
                        guard let value = load(UInt64.self, s.x(op.n) &+ op.addressDisplacement) else { break body }
                        s.setX(op.n, s.x(op.n) &+ op.writebackDisplacement)
                        s.setX(op.d, value)
                    case .loadSBXWriteback:
                        guard let value = load(UInt8.self, s.x(op.n) &+ op.addressDisplacement) else { break body }
                        s.setX(op.n, s.x(op.n) &+ op.writebackDisplacement)
                        s.setX(op.d, UInt64(bitPattern: Int64(Int8(bitPattern: value))))
                    case .loadSBWWriteback:
                        guard let value = load(UInt8.self, s.x(op.n) &+ op.addressDisplacement) else { break body }
                        s.setX(op.n, s.x(op.n) &+ op.writebackDisplacement)
                        s.setW(op.d, UInt32(bitPattern: Int32(Int8(bitPattern: value))))
                    case .loadSHXWriteback:
                        guard let value = load(UInt16.self, s.x(op.n) &+ op.addressDisplacement) else { break body }
                        s.setX(op.n, s.x(op.n) &+ op.writebackDisplacement)
                        s.setX(op.d, UInt64(bitPattern: Int64(Int16(bitPattern: value))))
                    case .loadSHWWriteback:
                        guard let value = load(UInt16.self, s.x(op.n) &+ op.addressDisplacement) else { break body }
                        s.setX(op.n, s.x(op.n) &+ op.writebackDisplacement)
                        s.setW(op.d, UInt32(bitPattern: Int32(Int16(bitPattern: value))))
                    case .loadSWXWriteback:
                        guard let value = load(UInt32.self, s.x(op.n) &+ op.addressDisplacement) else { break body }
                        s.setX(op.n, s.x(op.n) &+ op.writebackDisplacement)
                        s.setX(op.d, UInt64(bitPattern: Int64(Int32(bitPattern: value))))
                    case .storeBWriteback:
                        guard store(UInt8(truncatingIfNeeded: s.x(op.d)), s.x(op.n) &+ op.addressDisplacement) else {
                            break body
                        }
                        s.setX(op.n, s.x(op.n) &+ op.writebackDisplacement)
                    case .storeHWriteback:
                        guard store(UInt16(truncatingIfNeeded: s.x(op.d)), s.x(op.n) &+ op.addressDisplacement) else {
                            break body
                        }
                        s.setX(op.n, s.x(op.n) &+ op.writebackDisplacement)
                    case .storeWWriteback:
                        guard store(UInt32(truncatingIfNeeded: s.x(op.d)), s.x(op.n) &+ op.addressDisplacement) else {
                            break body
                        }
                        s.setX(op.n, s.x(op.n) &+ op.writebackDisplacement)
                    case .storeXWriteback:
                        guard store(s.x(op.d), s.x(op.n) &+ op.addressDisplacement) else { break body }
                        s.setX(op.n, s.x(op.n) &+ op.writebackDisplacement)
                    case .loadPairX:
                        guard let pair = loadPair(UInt64.self, s.x(op.n) &+ op.addressDisplacement) else { break body }
                        s.setX(op.m, s.x(op.n) &+ op.writebackDisplacement)
                        s.setX(op.d, pair.0)
                        s.setX(op.a, pair.1)
                    case .loadPairW:
                        guard let pair = loadPair(UInt32.self, s.x(op.n) &+ op.addressDisplacement) else { break body }
                        s.setX(op.m, s.x(op.n) &+ op.writebackDisplacement)
                        s.setX(op.d, UInt64(pair.0))
                        s.setX(op.a, UInt64(pair.1))
                    case .loadPairSW:
                        guard let pair = loadPair(UInt32.self, s.x(op.n) &+ op.addressDisplacement) else { break body }
                        s.setX(op.m, s.x(op.n) &+ op.writebackDisplacement)
                        s.setX(op.d, UInt64(bitPattern: Int64(Int32(bitPattern: pair.0))))
                        s.setX(op.a, UInt64(bitPattern: Int64(Int32(bitPattern: pair.1))))
                    case .loadPairVS:
                        guard let pair = loadPair(UInt32.self, s.x(op.n) &+ op.addressDisplacement) else { break body }
                        s.setX(op.m, s.x(op.n) &+ op.writebackDisplacement)
                        s.setVector(op.d, UInt64(pair.0), 0)
                        s.setVector(op.a, UInt64(pair.1), 0)
                    case .loadPairVD:
                        guard let pair = loadPair(UInt64.self, s.x(op.n) &+ op.addressDisplacement) else { break body }
                        s.setX(op.m, s.x(op.n) &+ op.writebackDisplacement)
                        s.setVector(op.d, pair.0, 0)
                        s.setVector(op.a, pair.1, 0)
                    case .storePairX:
                        guard storePair(s.x(op.d), s.x(op.a), s.x(op.n) &+ op.addressDisplacement) else { break body }
                        s.setX(op.m, s.x(op.n) &+ op.writebackDisplacement)
                    case .storePairW:
                        guard storePair(s.w(op.d), s.w(op.a), s.x(op.n) &+ op.addressDisplacement) else { break body }
                        s.setX(op.m, s.x(op.n) &+ op.writebackDisplacement)
                    case .storePairVS:
                        guard
                            storePair(
                                UInt32(truncatingIfNeeded: s.vectorLow(op.d)),
                                UInt32(truncatingIfNeeded: s.vectorLow(op.a)), s.x(op.n) &+ op.addressDisplacement)
                        else { break body }
                        s.setX(op.m, s.x(op.n) &+ op.writebackDisplacement)
                    case .storePairVD:
                        guard storePair(s.vectorLow(op.d), s.vectorLow(op.a), s.x(op.n) &+ op.addressDisplacement)
                        else { break body }
                        s.setX(op.m, s.x(op.n) &+ op.writebackDisplacement)
                    case .loadPairVQ:
                        let address = s.x(op.n) &+ op.addressDisplacement
                        guard let first = loadPair(UInt64.self, address),
                            let second = loadPair(UInt64.self, address &+ 16)
                        else { break body }
                        s.setX(op.m, s.x(op.n) &+ op.writebackDisplacement)
                        s.setVector(op.d, first.0, first.1)
                        s.setVector(op.a, second.0, second.1)
                    case .storePairVQ:
                        let address = s.x(op.n) &+ op.addressDisplacement
                        guard storePair(s.vectorLow(op.d), s.vectorHigh(op.d), address),
                            storePair(s.vectorLow(op.a), s.vectorHigh(op.a), address &+ 16)
                        else { break body }
                        s.setX(op.m, s.x(op.n) &+ op.writebackDisplacement)
                    case .loadVS:
                        guard let value = load(UInt32.self, s.x(op.n) &+ op.immediate) else { break body }
                        s.setVector(op.d, UInt64(value), 0)
                    case .loadLiteralVS:
                        guard let value = load(UInt32.self, base &+ op.immediate) else { break body }
                        s.setVector(op.d, UInt64(value), 0)
                    case .loadVD:
                        guard let value = load(UInt64.self, s.x(op.n) &+ op.immediate) else { break body }
                        s.setVector(op.d, value, 0)
                    case .loadLiteralVD:
                        guard let value = load(UInt64.self, base &+ op.immediate) else { break body }
                        s.setVector(op.d, value, 0)
                    case .loadLiteralW:
                        guard let value = load(UInt32.self, base &+ op.immediate) else { break body }
                        s.setX(op.d, UInt64(value))
                    case .loadLiteralX:
                        guard let value = load(UInt64.self, base &+ op.immediate) else { break body }
                        s.setX(op.d, value)
                    case .loadLiteralSW:
                        guard let value = load(UInt32.self, base &+ op.immediate) else { break body }
                        s.setX(op.d, UInt64(bitPattern: Int64(Int32(bitPattern: value))))
                    case .loadVQ:
                        guard let value = loadPair(UInt64.self, s.x(op.n) &+ op.immediate) else { break body }
                        s.setVector(op.d, value.0, value.1)
                    case .loadLiteralVQ:
                        guard let value = loadPair(UInt64.self, base &+ op.immediate) else { break body }
                        s.setVector(op.d, value.0, value.1)
                    case .storeVS:
                        guard store(UInt32(truncatingIfNeeded: s.vectorLow(op.d)), s.x(op.n) &+ op.immediate) else {
                            break body
                        }
                    case .storeVD:
                        guard store(s.vectorLow(op.d), s.x(op.n) &+ op.immediate) else { break body }
                    case .storeVQ:
                        guard storePair(s.vectorLow(op.d), s.vectorHigh(op.d), s.x(op.n) &+ op.immediate) else {
                            break body
                        }
                    case .readSystemSlot:
                        s.setX(op.d, s.word(Int(truncatingIfNeeded: op.immediate)))
                    case .writeSystemSlot:
                        s.setWord(Int(truncatingIfNeeded: op.immediate), s.x(op.n))
                    case .loadExclusive, .storeExclusive, .loadExclusivePair, .storeExclusivePair, .loadAcquire,
                        .storeRelease, .compareAndSwap, .compareAndSwapPair, .atomic, .loadStoreUnprivileged,
                        .loadVector, .storeVector, .structureMultiple, .structureSingle, .dupElement, .dupGeneral,
                        .smov, .umov, .insGeneral, .insElement, .vectorImmediate, .orrVectorImmediate,
                        .bicVectorImmediate, .andVector, .bicVector, .orrVector, .ornVector, .eorVector, .bslVector,
                        .bitVector, .bifVector, .fmovToGeneral, .fmovFromGeneral, .fmovHighToGeneral,
                        .fmovGeneralToHigh, .fmovScalar, .vector, .debugPoint, .undefined, .svc, .hvc,
                        .brk, .eret, .msr, .mrs, .msrImmediate, .sys, .wfi, .wfe, .sev, .yield, .clrex, .barrier, .isb,
                        .raise, .endOfStackChange, .semihosting:
                        switch executeRare(op.op, pc: base &+ op.position &* 4) {
                        case .next: break
                        case .jump: break run
                        case .stop: break body
                        }
                    }
                    cursor.advance()
                }
                // An instruction is not complete.
                let done = cursor.position
                s.pc = base &+ done &* 4
                s.budget &+= block.count &- Int64(bitPattern: done)
                if !finishStop() { return }
                break run
            }
        }
    }
}
