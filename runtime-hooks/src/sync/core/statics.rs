//! Which memory is the data of a module: what lies there lives for ever, and so may the guards that borrow from it.
//!
//! Asked of the kernel, which takes no lock of the program's: the loader's may be part of what is looked at. Memory that was leaked lives for ever too, and is
//! not told from any other.

use std::ops::Range;

/// The modules' data, read when it is first asked for.
#[derive(Debug, Default)]
pub(super) struct Statics(Option<Vec<Range<u64>>>);

impl Statics {
    /// Whether a module's data has this address. `false` where the kernel does not say.
    pub fn contain(&mut self, address: u64) -> bool {
        if address == 0 {
            return false;
        }
        let ranges = self.0.get_or_insert_with(|| match cfg!(miri) {
            true => Vec::new(),
            false => parse(&std::fs::read("/proc/self/maps").unwrap_or_default()),
        });
        ranges.iter().any(|range| range.contains(&address))
    }
}

/// Writable memory of files that are mapped privately, and what follows it without a gap and without a name: what such a file has zeros for.
fn parse(maps: &[u8]) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for line in String::from_utf8_lossy(maps).lines() {
        let mut fields = line.split_ascii_whitespace();
        let (Some(addresses), Some(access)) = (fields.next(), fields.next()) else {
            continue;
        };
        let Some((start, end)) = addresses.split_once('-') else {
            continue;
        };
        let (Ok(start), Ok(end)) = (u64::from_str_radix(start, 16), u64::from_str_radix(end, 16))
        else {
            continue;
        };
        // After the offset, the device and the inode.
        let name = fields.nth(3).unwrap_or_default();
        let follows = ranges.last().is_some_and(|last| last.end == start);
        if access.starts_with("rw-p") && (name.starts_with('/') || name.is_empty() && follows) {
            ranges.push(start..end);
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_and_zeros_of_modules_are_found() {
        let maps = b"\
5500-5600 r-xp 00000000 08:01 42 /usr/bin/shop
5600-5700 rw-p 00001000 08:01 42 /usr/bin/shop
5700-5800 rw-p 00000000 00:00 0
5800-5900 rw-p 00000000 00:00 0                  [heap]
7000-7100 rw-p 00000000 00:00 0
7100-7200 rw-s 00000000 08:01 43 /dev/shm/shared
7200-7300 rw-p 00000000 00:00 0
7300-7400 rw-p 00001000 08:01 44 /lib/one two.so
nonsense
";
        assert_eq!(
            parse(maps),
            [0x5600..0x5700, 0x5700..0x5800, 0x7300..0x7400]
        );
    }

    // Miri has no such file.
    #[cfg(not(miri))]
    #[test]
    fn a_static_is_in_it_and_a_box_is_not() {
        static DATA: std::sync::Mutex<u64> = std::sync::Mutex::new(7);
        static ZEROS: std::sync::Mutex<[u64; 1000]> = std::sync::Mutex::new([0; 1000]);
        let boxed = Box::new(7);
        let mut statics = Statics::default();
        assert!(statics.contain(std::ptr::from_ref(&DATA).addr() as u64));
        assert!(statics.contain(std::ptr::from_ref(&ZEROS).addr() as u64));
        assert!(!statics.contain(std::ptr::from_ref(&*boxed).addr() as u64));
        assert!(!statics.contain(std::ptr::from_ref(&boxed).addr() as u64));
        assert!(!statics.contain(0));
    }
}
