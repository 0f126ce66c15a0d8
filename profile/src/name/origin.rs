//! Where a v0 symbol's function is written: in an impl, and in which module, or in the trait itself. The demangled text does not
//! say, and legacy symbols differ by it.
//!
//! The grammar: <https://doc.rust-lang.org/rustc/symbol-mangling/v0.html>. What is needed stands at the beginning of the symbol, where there is
//! nothing yet that a back reference could mean.

/// Where a function is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// It cannot be told: legacy symbols, demangled names, functions in no trait.
    Unknown,
    /// In the trait: a method with a body there. `<T as Trait>::method` is what it was compiled for.
    Trait,
    /// In an impl of the trait, in this module.
    Impl(String),
}

impl Origin {
    /// The origin of the function with this v0 symbol.
    pub(super) fn of(symbol: &str) -> Self {
        let mut bytes = Bytes(symbol.trim_start_matches('_').as_bytes());
        bytes.next();
        loop {
            match bytes.next() {
                // Type arguments come after.
                Some(b'I') => {}
                // A nested path is followed by its namespace.
                Some(b'N') => {
                    bytes.next();
                }
                Some(b'Y') => return Self::Trait,
                Some(b'X') => {
                    return match bytes.disambiguator().and_then(|()| bytes.module()) {
                        Some(module) => Self::Impl(module),
                        None => Self::Unknown,
                    };
                }
                _ => return Self::Unknown,
            }
        }
    }
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn skip_if(&mut self, byte: u8) -> bool {
        let is_next = self.0.first() == Some(&byte);
        if is_next {
            self.next();
        }
        is_next
    }

    /// `s1a_`, or nothing.
    fn disambiguator(&mut self) -> Option<()> {
        if self.skip_if(b's') {
            while self.next()? != b'_' {}
        }
        Some(())
    }

    /// A path of plain names. Paths through type arguments and other impls are not followed.
    fn module(&mut self) -> Option<String> {
        let mut nested = 0;
        loop {
            match self.next()? {
                b'N' => {
                    self.next()?;
                    nested += 1;
                }
                b'C' => break,
                _ => return None,
            }
        }
        let mut path = String::new();
        for depth in 0..=nested {
            self.disambiguator()?;
            if depth > 0 {
                path.push_str("::");
            }
            path.push_str(self.identifier()?);
        }
        Some(path)
    }

    /// `4core`, `3_1st`.
    fn identifier(&mut self) -> Option<&str> {
        let mut length = 0usize;
        while let Some(digit) = self.0.first().filter(|byte| byte.is_ascii_digit()) {
            length = length
                .checked_mul(10)?
                .checked_add(usize::from(digit - b'0'))?;
            self.next();
        }
        self.skip_if(b'_');
        let (name, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(name)
            .ok()
            .filter(|name| !name.is_empty())
    }
}
