//! Copying memory of this process that may go away at any moment: the kernel copies, and says how far it came.
#![allow(unsafe_code)] // process_vm_readv.

use std::fs::File;
use std::os::unix::fs::FileExt;

const PAGE: u64 = 4096;
/// Ranges for one call: a page each, as a call copies whole ranges or stops.
const MOST_RANGES: usize = 64;

/// Reads this process's memory from outside: what is not mapped is not read, and nothing faults. Ordinary code.
#[derive(Debug, Default)]
pub struct Memory {
    /// `process_vm_readv` is denied here, as some seccomp filters do.
    denied: bool,
    /// Instead of it.
    file: Option<File>,
}

impl Memory {
    /// Copies as much as can be read from the address on, and returns how many bytes that is.
    pub fn copy(&mut self, address: u64, into: &mut [u8]) -> usize {
        let mut copied = 0;
        while copied < into.len() {
            let from = address.wrapping_add(copied as u64);
            let (got, asked) = if self.denied {
                (
                    self.read_file(from, &mut into[copied..]),
                    into.len() - copied,
                )
            } else {
                read_process(from, &mut into[copied..])
            };
            match got {
                Ok(length) => {
                    copied += length;
                    if length < asked {
                        break;
                    }
                }
                Err(libc::EPERM | libc::ENOSYS | libc::EACCES) if !self.denied => {
                    self.denied = true;
                }
                Err(_) => break,
            }
        }
        copied
    }

    fn read_file(&mut self, address: u64, into: &mut [u8]) -> Result<usize, i32> {
        if self.file.is_none() {
            self.file = File::open("/proc/self/mem").ok();
        }
        let file = self.file.as_ref().ok_or(libc::EACCES)?;
        let read = file.read_at(into, address);
        read.map_err(|error| error.raw_os_error().unwrap_or(libc::EIO))
    }
}

/// One call; returns what it copied and what it was asked for.
fn read_process(address: u64, into: &mut [u8]) -> (Result<usize, i32>, usize) {
    let mut ranges = [libc::iovec {
        iov_base: std::ptr::null_mut(),
        iov_len: 0,
    }; MOST_RANGES];
    let mut count = 0;
    let mut asked = 0;
    for range in &mut ranges {
        if asked == into.len() {
            break;
        }
        let begin = address.wrapping_add(asked as u64);
        let length = (PAGE - begin % PAGE).min((into.len() - asked) as u64);
        range.iov_base = begin as usize as *mut libc::c_void;
        range.iov_len = length as usize;
        asked += length as usize;
        count += 1;
    }
    let local = libc::iovec {
        iov_base: into.as_mut_ptr().cast(),
        iov_len: asked,
    };
    // SAFETY: the kernel writes into `local` only, which is `into`'s first `asked` bytes; of the remote ranges it checks every address itself.
    let copied = unsafe {
        libc::process_vm_readv(
            std::process::id() as libc::pid_t,
            &local,
            1,
            ranges.as_ptr(),
            count,
            0,
        )
    };
    let result = usize::try_from(copied).map_err(|_| crate::sys::errno());
    (result, asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied() -> Memory {
        Memory {
            denied: true,
            file: None,
        }
    }

    #[test]
    fn copies_what_is_there() {
        let source: Vec<u8> = (0..1_000_000u32).map(|n| n as u8).collect();
        for mut memory in [Memory::default(), denied()] {
            let mut copy = vec![0; source.len()];
            assert_eq!(memory.copy(source.as_ptr() as u64, &mut copy), copy.len());
            assert_eq!(copy, source);
        }
    }

    #[test]
    fn stops_where_nothing_is_mapped() {
        // SAFETY: a fresh mapping of three pages at an address of the kernel's choice, of which the last is given back.
        let low = unsafe {
            let low = libc::mmap(
                std::ptr::null_mut(),
                3 * 4096,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(low, libc::MAP_FAILED);
            assert_eq!(libc::munmap(low.byte_add(8192), 4096), 0);
            low as u64
        };
        for mut memory in [Memory::default(), denied()] {
            let mut copy = vec![0; 4 * 4096];
            assert_eq!(memory.copy(low + 100, &mut copy), 2 * 4096 - 100);
            assert_eq!(memory.copy(8, &mut copy), 0);
            assert_eq!(memory.copy(u64::MAX - 7, &mut copy), 0);
        }
    }
}
