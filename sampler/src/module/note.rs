//! The build ID among an ELF file's notes.

/// The longest build ID kept. Linkers write 20 bytes, some 8, 16 or 32.
pub(super) const MAX_BUILD_ID: usize = 64;

const NT_GNU_BUILD_ID: u32 = 3;

/// The GNU build ID in the contents of a note segment.
pub(super) fn build_id(mut notes: &[u8]) -> Option<&[u8]> {
    // Each turn takes at least a note's header.
    loop {
        let (header, rest) = notes.split_first_chunk::<12>()?;
        let field = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let (name_length, length, kind) = (field(0) as usize, field(4) as usize, field(8));
        let name = rest.get(..name_length)?;
        let rest = rest.get(name_length.checked_next_multiple_of(4)?..)?;
        let contents = rest.get(..length)?;
        if kind == NT_GNU_BUILD_ID && name == b"GNU\0" {
            return Some(contents).filter(|id| !id.is_empty() && id.len() <= MAX_BUILD_ID);
        }
        notes = rest.get(length.checked_next_multiple_of(4)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(kind: u32, name: &[u8], contents: &[u8]) -> Vec<u8> {
        let mut note = Vec::new();
        for field in [name.len() as u32, contents.len() as u32, kind] {
            note.extend(field.to_le_bytes());
        }
        for part in [name, contents] {
            note.extend(part);
            note.resize(note.len().next_multiple_of(4), 0);
        }
        note
    }

    #[test]
    fn is_found_behind_other_notes() {
        let notes = [
            note(1, b"GNU\0", &[0; 16]),
            note(3, b"Go\0", &[9]),
            note(3, b"GNU\0", &[1, 2, 3, 4, 5]),
        ]
        .concat();
        assert_eq!(build_id(&notes), Some(&[1, 2, 3, 4, 5][..]));
    }

    #[test]
    fn notes_that_end_early_have_none() {
        let whole = note(3, b"GNU\0", &[1, 2, 3, 4]);
        for end in 0..whole.len() {
            assert_eq!(build_id(&whole[..end]), None);
        }
        assert_eq!(build_id(&note(3, b"GNU\0", &[])), None);
        assert_eq!(build_id(&note(3, b"GNU\0", &[7; 65])), None);
        assert_eq!(build_id(&[0xff; 64]), None);
    }
}
