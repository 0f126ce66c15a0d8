//! The checksum that `.gnu_debuglink` carries, for files without a build ID.

use std::{fs::File, io::Read, path::Path};

/// How much is read at a time.
const CHUNK: usize = 1 << 20;

/// Whether the file's content has this CRC-32, the only proof that it belongs to the binary where build IDs are missing.
pub(super) fn has_crc(path: &Path, expected: u32) -> bool {
    let Ok(mut file) = File::open(path) else {
        return false;
    };
    let mut crc = flate2::Crc::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return crc.sum() == expected,
            Ok(read) => crc.update(&chunk[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
}
