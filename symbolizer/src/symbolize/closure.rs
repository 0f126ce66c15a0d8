//! The function that a closure stands in, where line tables alone say `{closure#0}`.
//!
//! Its path is lost with all others, and its file's module in front of it reads as if it were the module's own. But who calls a closure has
//! its type among the type arguments, and types keep their paths: `fold<u64, shop::cart::total::{closure_env#0}>`.

use super::frame::RawFrame;

/// Gives closures and async bodies the path of their function, where their caller's type arguments tell it and the file agrees. `frames` are
/// of one address, innermost first.
pub(super) fn name_closures(frames: &mut [RawFrame]) {
    for at in 1..frames.len() {
        let (inner, outer) = frames.split_at_mut(at);
        let (Some(closure), Some(caller)) = (inner.last_mut(), outer.first()) else {
            continue;
        };
        if let Some(function) = function_of(closure, &caller.symbol) {
            closure.scope = function;
        }
    }
}

fn function_of(closure: &RawFrame, caller: &str) -> Option<String> {
    // `{closure#0}` or `{async_fn#0}`, perhaps with type arguments.
    let (kind, rest) = closure.symbol.strip_prefix('{')?.split_once('#')?;
    let (number, _) = rest.split_once('}')?;
    let its_type = format!("::{{{kind}_env#{number}}}");
    let mut found = None;
    for (end, _) in caller.match_indices(&its_type) {
        let path = &caller[..end];
        let start = path
            .rfind(['<', ',', '(', '&', '[', ' '])
            .map_or(0, |at| at + 1);
        let path = &path[start..];
        let in_module = path
            .strip_prefix(&*closure.scope)
            .is_some_and(|rest| rest.starts_with("::") && !closure.scope.is_empty());
        if !in_module || found == Some(path) {
            continue;
        }
        if found.is_some() {
            return None; // two closures of one module, and nothing to tell them apart
        }
        found = Some(path);
    }
    found.map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(scope: &str, symbol: &str, caller: &str, expected: &str) {
        let frame = |symbol: &str, scope: &str| RawFrame {
            symbol: symbol.to_string(),
            scope: scope.to_string(),
            ..RawFrame::default()
        };
        let mut frames = [frame(symbol, scope), frame(caller, "core::iter")];
        name_closures(&mut frames);
        assert_eq!(frames[0].scope, expected);
        assert_eq!(frames[1].scope, "core::iter");
    }

    #[test]
    fn callers_type_arguments_tell() {
        let fold = "fold<u64, shop::cart::total::{closure_env#0}, core::iter::sum::{closure_env#0}<shop::cart::total::{closure_env#0}>>";
        check("shop::cart", "{closure#0}", fold, "shop::cart::total");
        check("core::iter", "{closure#0}<u64>", fold, "core::iter::sum");
        check(
            "shop",
            "{async_fn#0}",
            "poll<&mut shop::serve::{async_fn_env#0}>",
            "shop::serve",
        );
        check(
            "shop",
            "{closure#0}",
            "call<shop::{impl#3}::run::{closure#2}::{closure_env#0}<u8>>",
            "shop::{impl#3}::run::{closure#2}",
        );
    }

    #[test]
    fn what_is_not_told_stays() {
        let fold = "fold<shop::cart::total::{closure_env#0}, shop::cart::tax::{closure_env#1}>";
        check("shop::stock", "{closure#0}", fold, "shop::stock");
        check("shop::car", "{closure#0}", fold, "shop::car");
        check("shop::cart", "{closure#2}", fold, "shop::cart");
        check("shop::cart", "total", fold, "shop::cart");
        check("", "{closure#0}", fold, "");
        let two = "fold<shop::cart::total::{closure_env#0}, shop::cart::tax::{closure_env#0}>";
        check("shop::cart", "{closure#0}", two, "shop::cart");
        for symbol in ["{", "{closure", "{closure#", "{#}", "{closure#0"] {
            check("shop::cart", symbol, fold, "shop::cart");
        }
    }
}
