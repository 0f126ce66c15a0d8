//! The instruction before a return address: is it a call, and of what? x86-64.

/// Bytes looked at before a return address: the longest call.
pub(super) const LONGEST_CALL: usize = 7;

/// What stands before a return address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallSite {
    /// A call to this address.
    Direct(u64),
    /// A call through a register or through memory.
    Indirect,
    /// No call.
    None,
}

/// Decodes the bytes that end at the return address. They may be read as several instructions of different lengths: a direct call counts
/// before an indirect one.
pub(super) fn before(return_address: u64, bytes: &[u8; LONGEST_CALL]) -> CallSite {
    let [.., opcode, a, b, c, d] = *bytes;
    if opcode == 0xe8 {
        let distance = i32::from_le_bytes([a, b, c, d]);
        return CallSite::Direct(return_address.wrapping_add(distance as u64));
    }
    // ff /2: two bytes and what the addressing mode adds; a prefix before them changes nothing.
    for length in 2..=LONGEST_CALL {
        let start = LONGEST_CALL - length;
        if bytes[start] == 0xff && indirect_length(bytes[start + 1], bytes.get(start + 2)) == length
        {
            return CallSite::Indirect;
        }
    }
    CallSite::None
}

/// How long `ff` with this ModRM byte is if it is a near call; 0 when it is none.
fn indirect_length(modrm: u8, sib: Option<&u8>) -> usize {
    if modrm >> 3 & 7 != 2 {
        return 0;
    }
    let (mode, place) = (modrm >> 6, modrm & 7);
    let has_sib = mode != 3 && place == 4;
    let displacement = match mode {
        0 if place == 5 => 4,
        0 if has_sib && sib.is_some_and(|sib| sib & 7 == 5) => 4,
        1 => 1,
        2 => 4,
        _ => 0,
    };
    2 + usize::from(has_sib) + displacement
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &[u8], expected: CallSite) {
        let mut bytes = [0x90; LONGEST_CALL];
        bytes[LONGEST_CALL - code.len()..].copy_from_slice(code);
        assert_eq!(before(0x1000, &bytes), expected, "{code:x?}");
    }

    #[test]
    fn direct_calls_say_where_to() {
        check(&[0xe8, 0x10, 0, 0, 0], CallSite::Direct(0x1010));
        check(&[0xe8, 0xf0, 0xff, 0xff, 0xff], CallSite::Direct(0xff0));
    }

    #[test]
    fn indirect_calls() {
        check(&[0xff, 0xd0], CallSite::Indirect); // call rax
        check(&[0x41, 0xff, 0xd4], CallSite::Indirect); // call r12
        check(&[0xff, 0x10], CallSite::Indirect); // call [rax]
        check(&[0xff, 0x50, 0x18], CallSite::Indirect); // call [rax+24]
        check(&[0xff, 0x14, 0xc7], CallSite::Indirect); // call [rdi+8*rax]
        check(&[0xff, 0x54, 0x24, 0x08], CallSite::Indirect); // call [rsp+8]
        check(&[0xff, 0x15, 1, 2, 3, 4], CallSite::Indirect); // call [rip+…]
        check(&[0xff, 0x94, 0x24, 0x80, 0, 0, 0], CallSite::Indirect); // call [rsp+128]
    }

    #[test]
    fn other_instructions_are_no_calls() {
        check(&[0xff, 0xe0], CallSite::None); // jmp rax
        check(&[0xc3], CallSite::None);
        check(&[0xff, 0x15, 1, 2], CallSite::None); // too short
        check(&[0xe9, 1, 0, 0, 0], CallSite::None); // jmp
    }
}
