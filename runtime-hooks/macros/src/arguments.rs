//! An attribute's arguments: `name = literal`, separated by commas.

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// What is wrong, and where.
pub(crate) struct Error {
    span: Span,
    sentence: String,
}

impl Error {
    pub fn new(span: Span, sentence: impl Into<String>) -> Self {
        Self {
            span,
            sentence: sentence.into(),
        }
    }

    /// `compile_error!("…");` at the place.
    pub fn into_tokens(self) -> TokenStream {
        let mut sentence = Literal::string(&self.sentence);
        sentence.set_span(self.span);
        let inner = TokenStream::from(TokenTree::Literal(sentence));
        let mut group = Group::new(Delimiter::Brace, inner);
        group.set_span(self.span);
        let mut mark = Punct::new('!', Spacing::Alone);
        mark.set_span(self.span);
        TokenStream::from_iter([
            TokenTree::Ident(Ident::new("compile_error", self.span)),
            TokenTree::Punct(mark),
            TokenTree::Group(group),
        ])
    }
}

/// One of them.
pub(crate) struct Argument {
    pub name: String,
    pub span: Span,
    pub value: TokenTree,
}

/// The tokens of an attribute's brackets.
pub(crate) struct Arguments(TokenStream);

impl From<TokenStream> for Arguments {
    fn from(tokens: TokenStream) -> Self {
        Self(tokens)
    }
}

impl Arguments {
    /// All of them, each with a name that is among these.
    pub fn parse(self, known: &[&str]) -> Result<Vec<Argument>, Error> {
        let mut tokens = self.0.into_iter();
        let mut arguments: Vec<Argument> = Vec::new();
        while let Some(token) = tokens.next() {
            let span = token.span();
            let listed = || format!("hotpoll: arguments are {}", known.join(", "));
            let TokenTree::Ident(name) = token else {
                return Err(Error::new(span, listed()));
            };
            let name = name.to_string();
            if !known.contains(&&*name) {
                return Err(Error::new(span, listed()));
            }
            if arguments.iter().any(|argument| argument.name == name) {
                return Err(Error::new(
                    span,
                    format!("hotpoll: `{name}` is given twice"),
                ));
            }
            let is = tokens.next();
            let value = tokens.next();
            let (Some(TokenTree::Punct(is)), Some(value)) = (is, value) else {
                return Err(Error::new(
                    span,
                    format!("hotpoll: `{name} = VALUE` is expected"),
                ));
            };
            if is.as_char() != '=' {
                return Err(Error::new(
                    span,
                    format!("hotpoll: `{name} = VALUE` is expected"),
                ));
            }
            match tokens.next() {
                None => {}
                Some(TokenTree::Punct(comma)) if comma.as_char() == ',' => {}
                Some(other) => {
                    return Err(Error::new(
                        other.span(),
                        format!("hotpoll: a comma is expected behind `{name} = {value}`"),
                    ));
                }
            }
            arguments.push(Argument { name, span, value });
        }
        Ok(arguments)
    }
}

impl Argument {
    /// The value as a whole number.
    pub fn number(&self) -> Result<u64, Error> {
        let text = self.value.to_string();
        let digits = text.replace('_', "");
        digits.parse().map_err(|_| {
            Error::new(
                self.span,
                format!("hotpoll: `{}` is a whole number", self.name),
            )
        })
    }

    /// The value as text without escapes.
    pub fn text(&self) -> Result<String, Error> {
        let text = self.value.to_string();
        text.strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .filter(|text| !text.contains(['\\', '"']))
            .map(str::to_owned)
            .ok_or_else(|| {
                Error::new(
                    self.span,
                    format!(
                        "hotpoll: `{}` is text in quotes, without escapes",
                        self.name
                    ),
                )
            })
    }

    /// The value as true or false.
    pub fn flag(&self) -> Result<bool, Error> {
        self.value.to_string().parse().map_err(|_| {
            Error::new(
                self.span,
                format!("hotpoll: `{}` is true or false", self.name),
            )
        })
    }
}
