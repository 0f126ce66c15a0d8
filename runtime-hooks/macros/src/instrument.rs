//! `#[hotpoll::instrument]`.

use crate::arguments::{Arguments, Error};
use crate::function::Function;
use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// The same function; its body awaits the tracked body.
pub(crate) fn expand(arguments: Arguments, item: TokenStream) -> Result<TokenStream, Error> {
    let function = Function::parse(item)?;
    let mut name = function.name.to_string();
    let mut span = function.name.span();
    for argument in arguments.parse(&["name"], &[])? {
        name = argument.text()?;
        span = argument.span;
    }
    let mut name = Literal::string(&name);
    name.set_span(span);

    // ::hotpoll::Track::tracked(async move { body }, "name").await
    let path: TokenStream = "::hotpoll::Track::tracked"
        .parse()
        .map_err(|_| Error::new(span, "hotpoll: no path"))?;
    // With the place of the function, which becomes the kind's place; and names as its writer sees them are not touched.
    let path = path.into_iter().map(|mut token| {
        token.set_span(Span::call_site().located_at(span));
        token
    });
    let tracked = [
        TokenTree::Ident(Ident::new("async", Span::call_site())),
        TokenTree::Ident(Ident::new("move", Span::call_site())),
        TokenTree::Group(function.body),
        TokenTree::Punct(Punct::new(',', Spacing::Alone)),
        TokenTree::Literal(name),
    ];
    let mut call = Group::new(Delimiter::Parenthesis, TokenStream::from_iter(tracked));
    call.set_span(span);
    let mut body = TokenStream::from_iter(path);
    body.extend([
        TokenTree::Group(call),
        TokenTree::Punct(Punct::new('.', Spacing::Alone)),
        TokenTree::Ident(Ident::new("await", Span::call_site())),
    ]);
    let mut expanded = TokenStream::from_iter(function.before);
    expanded.extend(function.head);
    expanded.extend([TokenTree::Group(Group::new(Delimiter::Brace, body))]);
    Ok(expanded)
}
