//! What `/proc/PID/maps` says about the file behind an address.

use std::{fs, ops::Range};

/// One line of `/proc/PID/maps`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MappedRange {
    pub(super) addresses: Range<u64>,
    /// 0 for memory without a file. The device is left out: on btrfs and overlays `stat` tells another one.
    pub(super) inode: u64,
    pub(super) path: String,
}

/// The mappings of a process (`self` or a number); empty when they may not be read.
pub(super) fn of(process: &str) -> Vec<MappedRange> {
    fs::read_to_string(format!("/proc/{process}/maps"))
        .map(|text| text.lines().filter_map(parse).collect())
        .unwrap_or_default()
}

/// The mapping that holds the address.
pub(super) fn find(ranges: &[MappedRange], address: u64) -> Option<&MappedRange> {
    ranges
        .iter()
        .find(|range| range.addresses.contains(&address))
}

/// `7f1c-7f1d r-xp 00001000 fe:00 1234    /usr/lib/libc.so.6`
fn parse(line: &str) -> Option<MappedRange> {
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let (_rights, _offset) = (fields.next()?, fields.next()?);
    let _device = fields.next()?;
    let inode = fields.next()?.parse().ok()?;
    Some(MappedRange {
        addresses: hex(start)?..hex(end)?,
        inode,
        path: fields.next().unwrap_or_default().trim_start().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::{MappedRange, find, of, parse};

    #[test]
    fn reads_a_line() {
        assert_eq!(
            parse("7f00-7f10 r-xp 00001000 fe:01 1234                       /a b (deleted)"),
            Some(MappedRange {
                addresses: 0x7f00..0x7f10,
                inode: 1234,
                path: "/a b (deleted)".into(),
            })
        );
        assert_eq!(parse("7f00-7f10 rw-p 00000000 00:00 0 ").unwrap().path, "");
        assert_eq!(parse("junk"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn finds_our_own_file() {
        let here = finds_our_own_file as fn() as usize as u64;
        let ranges = of("self");
        let range = find(&ranges, here).expect("our own code is mapped");
        let data = std::fs::metadata("/proc/self/exe").expect("we run from a file");
        assert_eq!(range.inode, data.ino());
    }
}
