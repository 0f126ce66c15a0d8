//! Where a stack lies, by the mapping that holds its stack pointer: for the main thread, and for threads without a descriptor of their own.

/// The mapping that holds an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub low: u64,
    pub high: u64,
}

/// The writable mapping of this process that holds the address.
pub(crate) fn mapping_of(address: u64) -> Option<Mapping> {
    find(
        &std::fs::read_to_string("/proc/self/maps").ok()?,
        |mapping, line| (mapping.low..mapping.high).contains(&address) && line.contains(" rw"),
    )
}

/// The main thread's stack. Its low end moves down as it grows, so only the high end is of use.
pub(crate) fn main_thread() -> Option<Mapping> {
    find(
        &std::fs::read_to_string("/proc/self/maps").ok()?,
        |_, line| line.ends_with("[stack]"),
    )
}

fn find(maps: &str, wanted: impl Fn(Mapping, &str) -> bool) -> Option<Mapping> {
    maps.lines().find_map(|line| {
        let (low, rest) = line.split_once('-')?;
        let (high, _) = rest.split_once(' ')?;
        let mapping = Mapping {
            low: u64::from_str_radix(low, 16).ok()?,
            high: u64::from_str_radix(high, 16).ok()?,
        };
        wanted(mapping, line).then_some(mapping)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_stack_of_a_thread() {
        let here = 0u64;
        let address = &raw const here as u64;
        let mapping = mapping_of(address).unwrap();
        assert!(mapping.low <= address && address < mapping.high);
        assert_eq!(mapping_of(8), None);
        assert!(main_thread().is_some());
    }
}
