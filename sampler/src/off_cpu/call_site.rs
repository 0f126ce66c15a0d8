//! The instruction before a return address: is it a call, and of what? x86-64.

/// Bytes looked at before a return address: the longest call, and a load of the register that is called.
pub(super) const BYTES_BEFORE: usize = 9;
/// Bytes looked at of a stub that jumps on.
pub(super) const STUB_BYTES: usize = 11;

/// What a call calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Callee {
    /// This address.
    Is(u64),
    /// What stands at this address: a slot of the global offset table, mostly.
    At(u64),
}

fn relative(end: u64, distance: &[u8]) -> Option<u64> {
    let distance = i32::from_le_bytes(distance.try_into().ok()?);
    Some(end.wrapping_add(distance as u64))
}

/// What the call before a return address calls; `None` when no call ends there, or one whose callee only its registers knew.
pub(super) fn callee(return_address: u64, bytes: &[u8; BYTES_BEFORE]) -> Option<Callee> {
    match bytes {
        [.., 0xe8, a, b, c, d] => relative(return_address, &[*a, *b, *c, *d]).map(Callee::Is),
        [.., 0xff, 0x15, a, b, c, d] => relative(return_address, &[*a, *b, *c, *d]).map(Callee::At),
        // Without optimisation: mov rax, [rip + …]; call rax. Linkers make that lea rax, [rip + …].
        [0x48, load, 0x05, a, b, c, d, 0xff, 0xd0] => {
            let place = relative(return_address.wrapping_sub(2), &[*a, *b, *c, *d])?;
            match load {
                0x8b => Some(Callee::At(place)),
                0x8d => Some(Callee::Is(place)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Where a stub of the procedure linkage table jumps to; `None` when it is none.
pub(super) fn stub(address: u64, bytes: &[u8; STUB_BYTES]) -> Option<Callee> {
    let (skipped, rest) = match bytes {
        [0xf3, 0x0f, 0x1e, 0xfa, rest @ ..] => (4, &rest[..]), // endbr64
        _ => (0, &bytes[..]),
    };
    let (skipped, rest) = match rest {
        [0xf2, rest @ ..] => (skipped + 1, rest), // bnd
        _ => (skipped, rest),
    };
    match rest {
        [0xff, 0x25, a, b, c, d, ..] => {
            relative(address.wrapping_add(skipped + 6), &[*a, *b, *c, *d]).map(Callee::At)
        }
        _ => None,
    }
}

/// Whether some call ends at the return address, whatever it calls.
pub(super) fn is_call(bytes: &[u8; BYTES_BEFORE]) -> bool {
    if bytes[BYTES_BEFORE - 5] == 0xe8 {
        return true;
    }
    // ff /2: two bytes and what the addressing mode adds; a prefix before them changes nothing.
    (2..=7).any(|length| {
        let start = BYTES_BEFORE - length;
        bytes[start] == 0xff && indirect_length(bytes[start + 1], bytes.get(start + 2)) == length
    })
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

    fn before(code: &[u8]) -> [u8; BYTES_BEFORE] {
        let mut bytes = [0x90; BYTES_BEFORE];
        bytes[BYTES_BEFORE - code.len()..].copy_from_slice(code);
        bytes
    }

    fn check(code: &[u8], expected: Option<Callee>) {
        assert_eq!(callee(0x1000, &before(code)), expected, "{code:x?}");
        assert!(is_call(&before(code)), "{code:x?}");
    }

    #[test]
    fn calls_that_say_whom() {
        check(&[0xe8, 0x10, 0, 0, 0], Some(Callee::Is(0x1010)));
        check(&[0xe8, 0xf0, 0xff, 0xff, 0xff], Some(Callee::Is(0xff0)));
        check(&[0xff, 0x15, 0, 1, 0, 0], Some(Callee::At(0x1100)));
        let through_rax = |load| [0x48, load, 0x05, 0, 1, 0, 0, 0xff, 0xd0];
        check(&through_rax(0x8b), Some(Callee::At(0x10fe)));
        check(&through_rax(0x8d), Some(Callee::Is(0x10fe)));
    }

    #[test]
    fn calls_that_do_not() {
        check(&[0xff, 0xd0], None); // call rax
        check(&[0x41, 0xff, 0xd4], None); // call r12
        check(&[0xff, 0x10], None); // call [rax]
        check(&[0xff, 0x50, 0x18], None); // call [rax+24]
        check(&[0xff, 0x14, 0xc7], None); // call [rdi+8*rax]
        check(&[0xff, 0x54, 0x24, 0x08], None); // call [rsp+8]
        check(&[0xff, 0x94, 0x24, 0x80, 0, 0, 0], None); // call [rsp+128]
    }

    #[test]
    fn other_instructions_are_no_calls() {
        for code in [
            &[0xff, 0xe0][..],   // jmp rax
            &[0xc3],             // ret
            &[0xff, 0x15, 1, 2], // too short
            &[0xe9, 1, 0, 0, 0], // jmp
        ] {
            assert!(!is_call(&before(code)), "{code:x?}");
            assert_eq!(callee(0x1000, &before(code)), None, "{code:x?}");
        }
    }

    #[test]
    fn stubs_jump_through_a_slot() {
        let mut bytes = [0x90; STUB_BYTES];
        bytes[..6].copy_from_slice(&[0xff, 0x25, 0, 1, 0, 0]);
        assert_eq!(stub(0x1000, &bytes), Some(Callee::At(0x1106)));
        bytes = [0xf3, 0x0f, 0x1e, 0xfa, 0xf2, 0xff, 0x25, 0, 1, 0, 0];
        assert_eq!(stub(0x1000, &bytes), Some(Callee::At(0x110b)));
        assert_eq!(stub(0x1000, &[0x90; STUB_BYTES]), None);
    }
}
