//! The bytes of an object file: mapped, read piece by piece, or in memory already.

// Mapping a file is unsafe: somebody may write to it while we look.
#![allow(unsafe_code)]

use std::{fs::File, io, ops::Range, path::Path};

use memmap2::Mmap;
use object::read::{ReadCache, ReadRef};

/// Where the bytes are.
pub(super) enum FileBytes {
    /// The file is mapped: only what is looked at is read.
    Mapped(Mmap),
    /// What is asked for is read and kept: safe from a file that shrinks.
    Read(ReadCache<File>),
    /// An image that is no file, such as the vDSO.
    Image(Vec<u8>),
}

impl FileBytes {
    /// Opens a regular file. Anything else (a pipe would block, a device may have no end) is refused.
    pub(super) fn open(path: &Path, map: bool) -> io::Result<Self> {
        // Metadata first: opening a pipe waits for its writer.
        if !path.metadata()?.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        let file = File::open(path)?;
        if !map {
            return Ok(Self::Read(ReadCache::new(file)));
        }
        // SAFETY: the mapping is private and read only. A writer can still change its bytes: object and gimli check every offset
        // when they use it, so that changed bytes give wrong names at worst. A file cut short ends us with SIGBUS, which
        // `Options::map_files` says and only the command asks for.
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self::Mapped(map))
    }
}

/// A borrowed [`FileBytes`], as the object reader wants it.
#[derive(Clone, Copy)]
pub(super) struct FileRef<'a>(pub(super) &'a FileBytes);

impl<'a> ReadRef<'a> for FileRef<'a> {
    fn len(self) -> Result<u64, ()> {
        match self.0 {
            FileBytes::Mapped(map) => Ok(map.len() as u64),
            FileBytes::Read(cache) => cache.len(),
            FileBytes::Image(bytes) => Ok(bytes.len() as u64),
        }
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        match self.0 {
            FileBytes::Mapped(map) => (&**map).read_bytes_at(offset, size),
            FileBytes::Read(cache) => cache.read_bytes_at(offset, size),
            FileBytes::Image(bytes) => (&**bytes).read_bytes_at(offset, size),
        }
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        match self.0 {
            FileBytes::Mapped(map) => (&**map).read_bytes_at_until(range, delimiter),
            FileBytes::Read(cache) => cache.read_bytes_at_until(range, delimiter),
            FileBytes::Image(bytes) => (&**bytes).read_bytes_at_until(range, delimiter),
        }
    }
}
