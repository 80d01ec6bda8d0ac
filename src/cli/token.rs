//! Tokens, and `onedoor token`: one for a development user.

use std::{fmt, path::PathBuf};

use clap::ValueEnum;
use reqwest::header::HeaderValue;

use super::{development::Development, failure::Failure, process::Process};

/// A bearer token. It does not print itself.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token {
    text: String,
    header: HeaderValue,
}

/// `onedoor token`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The user, such as `analyst`
    user: String,
    /// What the token is for
    #[arg(long, value_enum, default_value_t = Plane::Data)]
    plane: Plane,
    /// Folder of a running `onedoor dev`
    #[arg(long, value_name = "DIR", default_value = "./data")]
    data: PathBuf,
}

/// Which of the two planes a token is for. Each refuses the other's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Plane {
    /// Listing and calling tools
    Data,
    /// Registry and audit
    Admin,
}

impl Token {
    /// A token out of a variable or an answer; none where the text, but for white space around it, is empty or no header can hold it.
    pub(super) fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into().trim().to_owned();
        let mut header = HeaderValue::from_str(&format!("Bearer {text}")).ok()?;
        header.set_sensitive(true);
        (!text.is_empty()).then_some(Self { text, header })
    }

    /// `Authorization`'s value (RFC 6750 §2.1).
    pub(super) fn authorization(&self) -> HeaderValue {
        self.header.clone()
    }

    /// The token itself, for the one command that is to print it.
    fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

pub(super) async fn run(args: Args, process: &mut Process<'_>) -> Result<(), Failure> {
    let development = Development::read(&args.data)?;
    let token = development.token(&args.user, args.plane).await?;
    Ok(process.out.line(token.expose())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_does_not_print_itself() {
        let token = Token::new("secret-token\n").unwrap();
        assert_eq!(token.authorization(), "Bearer secret-token");
        for printed in [format!("{token:?}"), format!("{:?}", token.authorization())] {
            assert!(!printed.contains("secret"), "{printed}");
        }
    }

    #[test]
    fn what_no_header_can_hold_is_no_token() {
        for bad in ["", " \n", "a\nb", "a\u{1b}b"] {
            assert_eq!(Token::new(bad), None, "{bad:?}");
        }
    }
}
