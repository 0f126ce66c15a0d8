//! An async function, taken apart no further than needed: what stands before it, its head, its body.

use crate::arguments::Error;
use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

/// `#[attributes] pub async unsafe? fn name<…>(…) -> … where … { body }`
pub(crate) struct Function {
    /// Attributes and visibility.
    pub before: Vec<TokenTree>,
    /// From `async` to the end of the head.
    pub head: Vec<TokenTree>,
    pub name: Ident,
    /// The brackets behind the name.
    pub inputs: Group,
    pub body: Group,
}

impl Function {
    /// Takes it apart.
    pub fn parse(item: TokenStream) -> Result<Self, Error> {
        const EXPECTED: &str = "hotpoll: this attribute goes on an `async fn`";
        let mut tokens: Vec<TokenTree> = item.into_iter().collect();
        let body = match tokens.pop() {
            Some(TokenTree::Group(body)) if body.delimiter() == Delimiter::Brace => body,
            Some(other) => return Err(Error::new(other.span(), EXPECTED)),
            None => return Err(Error::new(Span::call_site(), EXPECTED)),
        };
        let at = |word: &str| {
            let is = |token: &TokenTree| matches!(token, TokenTree::Ident(ident) if ident.to_string() == word);
            tokens.iter().position(is)
        };
        let Some(fn_at) = at("fn") else {
            return Err(Error::new(body.span_open(), EXPECTED));
        };
        let Some(async_at) = at("async").filter(|at| *at < fn_at) else {
            return Err(Error::new(tokens[fn_at].span(), EXPECTED));
        };
        let Some(TokenTree::Ident(name)) = tokens.get(fn_at + 1).cloned() else {
            return Err(Error::new(tokens[fn_at].span(), EXPECTED));
        };
        // The first brackets behind the name: type arguments hold none but in bounds of functions, which an entry point has not.
        let inputs = tokens[fn_at..].iter().find_map(|token| match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
                Some(group.clone())
            }
            _ => None,
        });
        let Some(inputs) = inputs else {
            return Err(Error::new(name.span(), EXPECTED));
        };
        let head = tokens.split_off(async_at);
        Ok(Self {
            before: tokens,
            head,
            name,
            inputs,
            body,
        })
    }
}
