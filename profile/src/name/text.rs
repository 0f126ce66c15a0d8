//! From demangled text to the canonical name: a path is split into its segments, and each is written in one way.

use super::Generics;
use super::blanket::is_blanket;
use super::origin::Origin;
use super::scan::{inside, split, split_before};

/// Types and traits nested deeper than this are written as `_`.
const MAX_DEPTH: usize = 24;

/// The canonical form of a demangled path; `None` if it is not one. `origin`: where the function is written that `<T as Trait>` stands in
/// front of.
pub(super) fn canonical(text: &str, origin: &Origin, generics: Generics) -> Option<String> {
    let writer = Writer { generics };
    let mut out = String::new();
    writer.function(text, origin, &mut out)?;
    Some(out)
}

const PRIMITIVES: [&str; 19] = [
    "bool", "char", "str", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64",
    "u128", "usize", "f16", "f32", "f64", "f128",
];

struct Writer {
    generics: Generics,
}

impl Writer {
    /// A function's path.
    fn function(&self, text: &str, origin: &Origin, out: &mut String) -> Option<()> {
        let segments = split(text, "::")?;
        // The segment that names the function: closures and shims inside it come after.
        let function = segments
            .iter()
            .rposition(|segment| !segment.starts_with(['{', '<']))
            .unwrap_or(segments.len());
        self.segments(&segments, Some(function), origin, MAX_DEPTH, out)
    }

    /// The segments of a path. `function`: which of them is a function, whose type arguments are not told.
    fn segments(
        &self,
        segments: &[&str],
        function: Option<usize>,
        origin: &Origin,
        depth: usize,
        out: &mut String,
    ) -> Option<()> {
        let begin = out.len();
        for (at, segment) in segments.iter().enumerate() {
            if let Some(inner) = inside(segment, '<', '>') {
                if let Some(header) = inner.strip_prefix("impl ") {
                    // `core::str::<impl str>::len`: where the impl stands is not part of the name.
                    out.truncate(begin);
                    match split(header, " for ")?.as_slice() {
                        [of, for_type] => self.implementation(for_type, of, origin, depth, out)?,
                        _ => self.inherent(header, depth, out)?,
                    }
                } else if at == 0 {
                    match split(inner, " as ")?.as_slice() {
                        [_, of] if *origin == Origin::Trait => self.trait_path(of, depth, out)?,
                        [for_type, of] => self.implementation(for_type, of, origin, depth, out)?,
                        _ => self.inherent(inner, depth, out)?,
                    }
                } else if self.generics == Generics::Keep {
                    self.arguments(inner, depth, out)?;
                }
                continue;
            }
            if segment.is_empty() {
                return None;
            }
            if out.len() > begin {
                out.push_str("::");
            }
            self.segment(segment, function == Some(at), depth, out)?;
        }
        (out.len() > begin).then_some(())
    }

    /// One named segment: `Vec<T>`, `tokio[1a2b]`, `{closure#0}`, `call_once{{vtable.shim}}`.
    fn segment(&self, text: &str, is_function: bool, depth: usize, out: &mut String) -> Option<()> {
        if text.starts_with('{') {
            return special(text, out);
        }
        let (text, shim) = split_before(text, b'{')?;
        let (name, arguments) = split_before(text, b'<')?;
        let name = match split_before(name, b'[')? {
            (name, disambiguator) if is_disambiguator(disambiguator) => name,
            _ => name,
        };
        if name.contains([' ', '(', '&', '*']) {
            // A signature: C++.
            return None;
        }
        out.push_str(name);
        if !arguments.is_empty() {
            let arguments = inside(arguments, '<', '>')?;
            if !is_function || self.generics == Generics::Keep {
                self.arguments(arguments, depth, out)?;
            }
        }
        if !shim.is_empty() {
            out.push_str("::");
            special(shim, out)?;
        }
        Some(())
    }

    /// Type arguments; lifetimes are not told.
    fn arguments(&self, text: &str, depth: usize, out: &mut String) -> Option<()> {
        let arguments = split(text, ",")?;
        let mut told = arguments
            .iter()
            .map(|argument| argument.trim())
            .filter(|argument| !argument.starts_with('\'') && !argument.is_empty())
            .peekable();
        if told.peek().is_none() {
            return Some(());
        }
        out.push('<');
        match self.generics {
            Generics::Collapse => out.push('_'),
            Generics::Keep => self.list(told, depth, out)?,
        }
        out.push('>');
        Some(())
    }

    fn list<'t>(
        &self,
        types: impl Iterator<Item = &'t str>,
        depth: usize,
        out: &mut String,
    ) -> Option<()> {
        for (at, one) in types.enumerate() {
            if at > 0 {
                out.push_str(", ");
            }
            self.type_(one, depth, out)?;
        }
        Some(())
    }

    /// `<T as Trait>`.
    fn implementation(
        &self,
        for_type: &str,
        of: &str,
        origin: &Origin,
        depth: usize,
        out: &mut String,
    ) -> Option<()> {
        let mut trait_name = String::new();
        let mut type_name = String::new();
        self.trait_path(of, depth, &mut trait_name)?;
        self.type_(for_type, depth, &mut type_name)?;
        if self.generics == Generics::Collapse && is_blanket(&trait_name, &type_name, origin) {
            type_name = "_".to_owned();
        }
        out.push_str(&format!("<{type_name} as {trait_name}>"));
        Some(())
    }

    /// A trait; its type arguments are not told. (v0 symbols leave them out where they are the default, legacy symbols do not.)
    fn trait_path(&self, of: &str, depth: usize, out: &mut String) -> Option<()> {
        let Some(depth) = depth.checked_sub(1) else {
            out.push('_');
            return Some(());
        };
        let segments = split(of, "::")?;
        let last = segments.len() - 1;
        self.segments(&segments, Some(last), &Origin::Unknown, depth, out)
    }

    /// The type in whose impl we are: bare if it is a path, else in angle brackets.
    fn inherent(&self, of: &str, depth: usize, out: &mut String) -> Option<()> {
        let mut name = String::new();
        self.type_(of, depth, &mut name)?;
        if name.starts_with(|first: char| first.is_alphanumeric() || "_<{".contains(first))
            && !name.starts_with("dyn ")
            && !name.starts_with("fn(")
        {
            out.push_str(&name);
        } else {
            out.push('<');
            out.push_str(&name);
            out.push('>');
        }
        Some(())
    }

    /// A type.
    fn type_(&self, text: &str, depth: usize, out: &mut String) -> Option<()> {
        let Some(depth) = depth.checked_sub(1) else {
            out.push('_');
            return Some(());
        };
        let text = text.trim();
        for (prefix, canonical) in [
            ("&mut ", "&mut "),
            ("&", "&"),
            ("*const ", "*const "),
            ("*mut ", "*mut "),
        ] {
            if let Some(operand) = text.strip_prefix(prefix) {
                // `&'a mut T`
                if let Some(("", rest)) = operand.split_once('\'') {
                    let rest = rest.split_once(' ').map_or("_", |(_, rest)| rest);
                    return self.type_(&format!("&{rest}"), depth, out);
                }
                out.push_str(canonical);
                return self.operand(operand, depth, out);
            }
        }
        if let Some(rest) = text.strip_prefix("for<") {
            let (_, rest) = rest.split_once('>')?;
            return self.type_(rest, depth, out);
        }
        if let Some(bounds) = text.strip_prefix("dyn ") {
            return self.trait_object(bounds, depth, out);
        }
        if let Some(inner) = inside(text, '[', ']') {
            let parts = split(inner, ";")?;
            out.push('[');
            self.operand(parts[0], depth, out)?;
            if let [_, length] = parts.as_slice() {
                out.push_str("; ");
                match self.generics {
                    Generics::Collapse => out.push('_'),
                    Generics::Keep => out.push_str(length.trim()),
                }
            }
            out.push(']');
            return Some(());
        }
        if matches!(text, "()" | "!") {
            out.push_str(text);
            return Some(());
        }
        if text.starts_with('(') {
            let inner = inside(text, '(', ')')?;
            out.push('(');
            match self.generics {
                Generics::Collapse => out.push('_'),
                Generics::Keep => self.list(split(inner, ",")?.into_iter(), depth, out)?,
            }
            out.push(')');
            return Some(());
        }
        if is_function_pointer(text) {
            match self.generics {
                Generics::Collapse => out.push_str("fn(_)"),
                Generics::Keep => out.push_str(text),
            }
            return Some(());
        }
        let segments = split(text, "::")?;
        if let [one] = segments.as_slice()
            && self.generics == Generics::Collapse
            && !PRIMITIVES.contains(one)
            && !one.starts_with('<')
        {
            // No path: the impl's type parameter, which v0 symbols replace by what it stands for.
            out.push('_');
            return Some(());
        }
        self.segments(&segments, None, &Origin::Unknown, depth, out)
    }

    /// What a reference, pointer, slice or array is of.
    fn operand(&self, text: &str, depth: usize, out: &mut String) -> Option<()> {
        match self.generics {
            Generics::Collapse => {
                out.push('_');
                Some(())
            }
            Generics::Keep => self.type_(text, depth, out),
        }
    }

    fn trait_object(&self, bounds: &str, depth: usize, out: &mut String) -> Option<()> {
        let bounds = split(bounds, "+")?;
        let told = bounds
            .iter()
            .map(|bound| bound.trim())
            // Neither lifetimes nor what an associated type is, which legacy symbols write as a bound.
            .filter(|bound| !bound.starts_with('\''))
            .filter(|bound| {
                self.generics == Generics::Keep
                    || split(bound, "=").is_some_and(|parts| parts.len() == 1)
            });
        out.push_str("dyn ");
        for (at, bound) in told.enumerate() {
            if at > 0 {
                out.push_str(" + ");
            }
            self.type_(bound, depth, out)?;
        }
        Some(())
    }
}

/// `[1a2b3c]` behind a crate's name.
fn is_disambiguator(text: &str) -> bool {
    inside(text, '[', ']').is_some_and(|hash| hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_function_pointer(text: &str) -> bool {
    let text = text.strip_prefix("unsafe ").unwrap_or(text);
    text.starts_with("fn(") || text.starts_with("extern \"")
}

/// `{{closure}}`, `{closure#0}`, `{async_fn#0}`, `{impl#3}`, `{shim:vtable#0}`, `{{vtable.shim}}`: without numbers, closures of all
/// sorts alike.
fn special(text: &str, out: &mut String) -> Option<()> {
    // DWARF gives closures type arguments.
    let (text, _) = split_before(text, b'<')?;
    let inner = inside(text, '{', '}')?;
    let inner = inside(inner, '{', '}').unwrap_or(inner);
    let (kind, _) = inner.split_once('#').unwrap_or((inner, ""));
    let kind = kind.strip_suffix("_env").unwrap_or(kind);
    let kind = match kind {
        "async_fn" | "async_block" | "async_closure" | "coroutine" | "coroutine-closure"
        | "gen_fn" | "gen_block" | "gen_closure" | "async_gen_fn" | "async_gen_block" => "closure",
        "vtable.shim" | "vtable-shim" => "shim:vtable",
        "reify.shim" | "reify-shim" => "shim:reify",
        // v0's namespace of constants.
        "K" => "constant",
        other => other,
    };
    out.push('{');
    out.push_str(kind);
    out.push('}');
    Some(())
}
