//! How far above the stack pointer a function's frame pointer lies, by the instructions that it begins with. x86-64.

/// Bytes looked at from a function's start.
pub(super) const PROLOGUE_BYTES: usize = 48;

/// For a function that begins with `push rbp; mov rbp, rsp`: how far its frame pointer is above the stack pointer of its body. `None` for
/// others, and for those that align the stack pointer, where that depends on the caller.
pub(super) fn frame_pointer_above(mut code: &[u8]) -> Option<u64> {
    if let [0xf3, 0x0f, 0x1e, 0xfa, rest @ ..] = code {
        code = rest; // endbr64
    }
    let [0x55, rest @ ..] = code else { return None };
    let ([0x48, 0x89, 0xe5, rest @ ..] | [0x48, 0x8b, 0xec, rest @ ..]) = rest else {
        return None;
    };
    code = rest;
    let mut above = 0;
    loop {
        code = match code {
            [0x50..=0x57, rest @ ..] | [0x41, 0x50..=0x57, rest @ ..] => {
                above += 8;
                rest
            }
            // and rsp, …
            [0x48, 0x83 | 0x81, 0xe4, ..] => return None,
            [0x48, 0x83, 0xec, bytes, rest @ ..] => {
                above += *bytes as i8 as i64;
                return is_aligned_next(rest, above);
            }
            // add rsp, -128 is a byte shorter than sub rsp, 128.
            [0x48, 0x83, 0xc4, bytes, rest @ ..] => {
                above -= *bytes as i8 as i64;
                return is_aligned_next(rest, above);
            }
            [0x48, 0x81, 0xec, a, b, c, d, rest @ ..] => {
                above += i64::from(i32::from_le_bytes([*a, *b, *c, *d]));
                return is_aligned_next(rest, above);
            }
            _ => return u64::try_from(above).ok(),
        };
    }
}

fn is_aligned_next(rest: &[u8], above: i64) -> Option<u64> {
    match rest {
        [0x48, 0x83 | 0x81, 0xe4, ..] => None,
        _ => u64::try_from(above).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &[u8], expected: Option<u64>) {
        assert_eq!(frame_pointer_above(code), expected, "{code:x?}");
    }

    #[test]
    fn usual_prologues() {
        check(&[0x55, 0x48, 0x89, 0xe5, 0x31, 0xc0], Some(0));
        check(
            &[0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20, 0x90],
            Some(0x20),
        );
        check(
            &[
                0x55, 0x48, 0x89, 0xe5, 0x41, 0x57, 0x41, 0x56, 0x53, 0x50, 0x90,
            ],
            Some(32),
        );
        check(
            &[
                0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x89, 0xe5, 0x53, 0x48, 0x81, 0xec, 0, 2, 0, 0,
                0x90,
            ],
            Some(0x208),
        );
        check(
            &[0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xc4, 0x80, 0x90],
            Some(128),
        );
    }

    #[test]
    fn others_say_nothing() {
        check(&[0x53, 0x48, 0x83, 0xec, 0x20], None); // no frame pointer
        check(&[0x55, 0x41, 0x57], None); // rbp is saved, and used for something else
        check(&[0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xe4, 0xf0], None); // aligned
        check(
            &[
                0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20, 0x48, 0x83, 0xe4, 0xc0,
            ],
            None,
        );
        check(&[], None);
    }
}
