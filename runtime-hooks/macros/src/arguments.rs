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
    /// All of them, each with a name that is among the known ones. Those that only an unstable tokio takes are refused for that.
    pub fn parse(self, known: &[&str], unstable: &[&str]) -> Result<Vec<Argument>, Error> {
        let mut tokens = self.0.into_iter();
        let mut arguments: Vec<Argument> = Vec::new();
        while let Some(token) = tokens.next() {
            let span = token.span();
            let listed = || format!("hotpoll: arguments are {}", known.join(", "));
            let TokenTree::Ident(name) = token else {
                return Err(Error::new(span, listed()));
            };
            let name = name.to_string();
            if unstable.contains(&&*name) {
                let sentence = format!(
                    "hotpoll: `{name}` needs `--cfg tokio_unstable`, and this attribute does without: build the runtime in `main` instead, \
                     with `hotpoll::start` and `hotpoll::runtime`"
                );
                return Err(Error::new(span, sentence));
            }
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
    /// What is wrong with it.
    pub fn error(&self, sentence: &str) -> Error {
        Error::new(self.span, format!("hotpoll: {sentence}"))
    }

    /// The value as text that is a path: names with `::` between them.
    pub fn path(&self) -> Result<String, Error> {
        let path = self.text()?;
        let names = path.strip_prefix("::").unwrap_or(&path);
        let is_name = |name: &str| {
            let mut letters = name.chars();
            letters
                .next()
                .is_some_and(|first| first == '_' || first.is_alphabetic())
                && letters.all(|letter| letter == '_' || letter.is_alphanumeric())
        };
        match names.split("::").all(is_name) {
            true => Ok(path),
            false => Err(self.error(&format!(
                "`{}` is a path in quotes, as \"some::tokio\"",
                self.name
            ))),
        }
    }

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
