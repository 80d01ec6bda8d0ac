//! Everything that ends a command, and the exit code that tells a script which it was.

use std::{error::Error as _, io};

use reqwest::{StatusCode, header::InvalidHeaderValue};

use super::{
    access::NotSignedIn,
    answer::Unintelligible,
    client::{BadAddress, Unreachable},
    development::{NoDevelopment, NoToken},
    document::Unreadable,
    problem::Problem,
    screen::Screen,
};

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("refused")]
    Refused(#[from] Box<Refused>),
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    #[error(transparent)]
    NoDevelopment(#[from] NoDevelopment),
    #[error(transparent)]
    NoToken(#[from] NoToken),
    #[error(transparent)]
    NotSignedIn(#[from] NotSignedIn),
    #[error(transparent)]
    BadAddress(#[from] BadAddress),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(transparent)]
    Unintelligible(#[from] Unintelligible),
    #[error("there is no {0}")]
    NotFound(String),
    /// The faults were shown already.
    #[error("{name} is not valid: {count} {}", if *count == 1 { "fault" } else { "faults" })]
    Invalid { name: String, count: usize },
    #[error("a value cannot be sent in a header")]
    Header(#[source] InvalidHeaderValue),
    #[error("the request cannot be written as JSON")]
    Body(#[source] serde_json::Error),
    #[error("the answer cannot be written as CSV")]
    Csv(#[from] csv::Error),
    #[error("cannot write the answer")]
    Output(#[from] io::Error),
    #[error("cannot start")]
    Runtime(#[source] io::Error),
}

/// The admin API refused.
#[derive(Debug, thiserror::Error)]
#[error("the admin API refused")]
pub(super) struct Refused {
    pub(super) problem: Problem,
    /// The development user who may do what was refused to this one.
    pub(super) better: Option<&'static str>,
}

impl Failure {
    /// Whether whoever reads the answers has read enough, as `head` does.
    pub(super) fn is_enough(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// See the [module](super::super::cli) for the codes.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(refused) => match refused.problem.status {
                StatusCode::CONFLICT => 3,
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => 4,
                StatusCode::NOT_FOUND | StatusCode::GONE => 5,
                StatusCode::SERVICE_UNAVAILABLE => 6,
                _ => 1,
            },
            Self::NoToken(NoToken::Refused { .. }) | Self::NotSignedIn(_) => 4,
            Self::NotFound(_) => 5,
            Self::Unreachable(_)
            | Self::NoToken(NoToken::Unreachable(_))
            | Self::NoDevelopment(NoDevelopment::Unreadable { .. }) => 6,
            Self::BadAddress(_) => 2,
            Self::NoDevelopment(NoDevelopment::Malformed { .. } | NoDevelopment::Elsewhere { .. })
            | Self::NoToken(NoToken::Unintelligible { .. })
            | Self::Unreadable(_)
            | Self::Unintelligible(_)
            | Self::Invalid { .. }
            | Self::Header(_)
            | Self::Body(_)
            | Self::Csv(_)
            | Self::Output(_)
            | Self::Runtime(_) => 1,
        }
    }

    /// Tells it to the person at the terminal.
    pub(super) fn report(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        match self {
            Self::Refused(refused) => refused.report(screen),
            // Its own words end with the cause that tells.
            Self::Unreachable(_) | Self::NoToken(NoToken::Unreachable(_)) => {
                screen.line(&format!("error: {self}"))
            }
            Self::NoDevelopment(_)
            | Self::NoToken(_)
            | Self::NotSignedIn(_)
            | Self::BadAddress(_)
            | Self::Unreadable(_)
            | Self::Unintelligible(_)
            | Self::NotFound(_)
            | Self::Invalid { .. }
            | Self::Header(_)
            | Self::Body(_)
            | Self::Csv(_)
            | Self::Output(_)
            | Self::Runtime(_) => screen.line(&format!("error: {}", self.chain())),
        }?;
        self.advice().map_or(Ok(()), |advice| screen.line(&advice))
    }

    /// What to do about it.
    fn advice(&self) -> Option<String> {
        match self {
            Self::Refused(refused) => refused.advice(),
            Self::NoDevelopment(NoDevelopment::Unreadable { .. }) => Some(
                "hint: start `onedoor dev`, name its folder with --data, or set ONEDOOR_ADMIN_URL and ONEDOOR_TOKEN"
                    .to_owned(),
            ),
            Self::NotSignedIn(_) => Some("hint: set ONEDOOR_TOKEN to a token for the admin plane".to_owned()),
            Self::Unreachable(_)
            | Self::NoDevelopment(NoDevelopment::Malformed { .. } | NoDevelopment::Elsewhere { .. })
            | Self::NoToken(_)
            | Self::BadAddress(_)
            | Self::Unreadable(_)
            | Self::Unintelligible(_)
            | Self::NotFound(_)
            | Self::Invalid { .. }
            | Self::Header(_)
            | Self::Body(_)
            | Self::Csv(_)
            | Self::Output(_)
            | Self::Runtime(_) => None,
        }
    }

    fn chain(&self) -> String {
        std::iter::successors(self.source(), |&error| error.source())
            .fold(self.to_string(), |text, cause| format!("{text}: {cause}"))
    }
}

impl Refused {
    fn report(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        self.problem.report(screen)
    }

    fn advice(&self) -> Option<String> {
        match (self.problem.status, self.better) {
            (StatusCode::FORBIDDEN | StatusCode::NOT_FOUND, Some(user)) => {
                Some(format!("hint: in development, --as {user} may do this"))
            }
            (StatusCode::UNAUTHORIZED, _) => {
                Some("hint: the token must be for the admin plane and not yet expired".to_owned())
            }
            _ if self.problem.is_overtaken() => {
                Some("hint: look at what is there now, then decide anew".to_owned())
            }
            _ => None,
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Refused(Box::new(refused))
    }
}
