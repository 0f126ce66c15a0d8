//! The little of tar that a note needs: regular files with short names.

/// Tar's unit.
const BLOCK: usize = 512;
/// Longer names are cut; those of runs are short.
const NAME: usize = 100;

/// An archive of files.
pub fn write(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, bytes) in files {
        let mut header = [0u8; BLOCK];
        let name = &name.as_bytes()[name.len().saturating_sub(NAME - 1)..];
        header[..name.len()].copy_from_slice(name);
        header[100..108].copy_from_slice(b"0000644\0");
        header[108..116].copy_from_slice(b"0000000\0");
        header[116..124].copy_from_slice(b"0000000\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
        header[136..148].copy_from_slice(b"00000000000\0");
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum = checksum(&header);
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend_from_slice(&header);
        archive.extend_from_slice(bytes);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}

/// The files of an archive; `None` where it is none, or cut short.
pub fn read(mut archive: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    loop {
        let header = archive.get(..BLOCK)?;
        if header.iter().all(|byte| *byte == 0) {
            return Some(files);
        }
        if octal(&header[148..156])? != u64::from(checksum(header)) {
            return None;
        }
        let size = usize::try_from(octal(&header[124..136])?).ok()?;
        let end = BLOCK.checked_add(size)?;
        let bytes = archive.get(BLOCK..end)?;
        // A folder or a link has nothing to read.
        if matches!(header[156], b'0' | 0) {
            let name = header[..NAME].split(|byte| *byte == 0).next()?;
            files.push((String::from_utf8_lossy(name).into_owned(), bytes.to_vec()));
        }
        archive = archive.get(end.checked_next_multiple_of(BLOCK)?..)?;
    }
}

/// The sum of a header's bytes, its own place taken for spaces.
fn checksum(header: &[u8]) -> u32 {
    let bytes = header.iter().enumerate();
    bytes
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                32
            } else {
                u32::from(*byte)
            }
        })
        .sum()
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    u64::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<(String, Vec<u8>)> {
        vec![
            ("run-1.pb.gz".into(), vec![7; 1_000]),
            ("empty".into(), Vec::new()),
            ("x".repeat(150), vec![1; 512]),
        ]
    }

    #[test]
    fn comes_back() {
        let read = read(&write(&files())).unwrap();
        assert_eq!(read[..2], files()[..2]);
        assert_eq!((read[2].0.len(), read[2].1.len()), (NAME - 1, 512));
    }

    #[test]
    fn what_is_none() {
        let archive = write(&files());
        for end in [0, 100, BLOCK, 1_600, archive.len() - 2 * BLOCK] {
            assert_eq!(read(&archive[..end]), None, "{end}");
        }
        let mut wrong = archive.clone();
        wrong[3] ^= 1;
        assert_eq!(read(&wrong), None);
    }

    /// Another program reads it.
    #[test]
    fn tar_lists_it() {
        use std::io::Write;
        let mut child = std::process::Command::new("tar")
            .args(["--list", "--verbose"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(&write(&files()[..2]))
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let listed = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && listed.contains("1000") && listed.contains("run-1.pb.gz"),
            "{listed}"
        );
    }
}
