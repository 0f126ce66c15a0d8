//! `/proc/self/task/TID/syscall`: whether a thread is blocked, in which system call, and its stack pointer and program counter.

/// The longest line: a number and eight words.
pub(super) const LONGEST_LINE: usize = 256;

/// What the line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On a processor, or waiting for one.
    Running,
    /// Off the processor.
    Blocked {
        /// The system call; `None` outside of any: in a page fault, or stopped.
        syscall: Option<u32>,
        /// Its first argument; 0 outside of any.
        first: u64,
        sp: u64,
        pc: u64,
    },
}

/// Reads the line; `None` when it is not one.
pub(super) fn parse(line: &[u8]) -> Option<Place> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    if line == "running" {
        return Some(Place::Running);
    }
    let mut fields = line.split(' ');
    let syscall = match fields.next()? {
        "-1" => None,
        number => Some(number.parse().ok()?),
    };
    let word = |text: &str| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok();
    let first = match syscall {
        Some(_) => word(fields.next()?)?,
        None => 0,
    };
    let pc = word(fields.next_back()?)?;
    let sp = word(fields.next_back()?)?;
    Some(Place::Blocked {
        syscall,
        first,
        sp,
        pc,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_the_kernel_writes_them() {
        assert_eq!(parse(b"running\n"), Some(Place::Running));
        assert_eq!(
            parse(b"202 0x7f1 0x189 0x0 0x0 0x0 0xffffffff 0x7ffd10 0x7f2b\n"),
            Some(Place::Blocked {
                syscall: Some(202),
                first: 0x7f1,
                sp: 0x7f_fd10,
                pc: 0x7f2b
            })
        );
        assert_eq!(
            parse(b"-1 0x7ffd10 0x7f2b\n"),
            Some(Place::Blocked {
                syscall: None,
                first: 0,
                sp: 0x7f_fd10,
                pc: 0x7f2b
            })
        );
    }

    #[test]
    fn anything_else_is_nothing() {
        for line in [
            &b""[..],
            b"\n",
            b"running",
            b"202\n",
            b"-1 0x1\n",
            b"a 0x1 0x2\n",
            b"1 2 3\n",
            b"1 0x1 0x2\n",
            b"\xff 0x1 0x2\n",
        ] {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }
}
