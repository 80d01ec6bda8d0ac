//! Why a request is refused: every way there is, and the reason that each is known by.

use std::error::Error;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode};
use onedoor_authn::AuthnFault;
use onedoor_log::AppendError;
use onedoor_model::{
    ids::{AggregateVersion, Revision},
    manifest::{self, Fault},
    registry::{Conflict, Touch},
};
use onedoor_projector::{QueryError, StoreError};
use onedoor_registry::Stopped;

use crate::{action::Role, faults::Faults, problem};

/// A request that was refused. Rendered in one place, [`problem`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// Nobody is known to call. Its reason, status and fault are those of the authentication.
    #[error("{fault}")]
    Authn {
        /// What is wrong.
        fault: AuthnFault,
        /// For `WWW-Authenticate` (RFC 6750 §3).
        challenge: HeaderValue,
    },
    /// The caller's: an administrator has blocked the user or the client app.
    #[error("a block keeps you or your client app out")]
    Blocked,
    /// The caller's: none of its roles may do this.
    #[error("this needs {}", roles(.needed))]
    Forbidden {
        /// The roles that may.
        needed: Vec<Role>,
    },
    /// The caller's: a Tool.Owner may do this only to servers of its own.
    #[error(
        "a Tool.Owner may do this only to its own servers: this one's owner is neither your user id, your client id nor a group of yours"
    )]
    NotOwner {
        /// The roles that may do it to any server.
        needed: Vec<Role>,
    },
    /// The caller's: there is no such thing, or it may not know of it.
    #[error("there is no {0}")]
    NotFound(String),
    /// The caller's: the path exists, the method does not.
    #[error("this path does not have that method")]
    MethodNotAllowed,
    /// The caller's: a query or header is wrong.
    #[error("the request's query or headers are not valid")]
    Request(Faults),
    /// The caller's: the body is wrong.
    #[error("the body is not valid")]
    Body(Faults),
    /// The caller's: the manifest is wrong.
    #[error("the manifest is not valid")]
    Manifest(manifest::Faults),
    /// The caller's: the body is too large.
    #[error("the body has more than the {limit} bytes that are allowed here")]
    TooLarge {
        /// The most bytes allowed.
        limit: usize,
    },
    /// The caller's, or its network's: the body did not arrive in time.
    #[error("the body did not arrive in time")]
    Slow,
    /// The caller's, or its network's: the body broke off.
    #[error("the body broke off")]
    Broken(#[source] axum::BoxError),
    /// The caller's: the command must say which version it is given for.
    #[error("this command needs If-Match: it must say which version it was decided on")]
    PreconditionRequired,
    /// Something else won, or stands against the command.
    #[error("{conflict}")]
    Conflict {
        /// What stands against it.
        conflict: Conflict,
        /// The last change of what the command is about.
        won: Option<Box<Touch>>,
        /// The registry's revision.
        revision: Revision,
    },
    /// The command took effect in an earlier try, and what it made is gone since.
    #[error("the command took effect as revision {revision}, but what it made has been removed since")]
    Gone {
        /// The command's revision.
        revision: Revision,
    },
    /// This replica has not seen the revision asked for. Retry.
    #[error("revision {wanted} has not come here yet; {reached} has")]
    Behind {
        /// The revision asked for.
        wanted: Revision,
        /// The revision reached.
        reached: Revision,
    },
    /// The log did not take the command. Retry with the same command id.
    #[error("the log did not take the command; retry with the same Idempotency-Key")]
    Log(#[source] AppendError),
    /// Every replica refuses already what the command takes away, but the registry has not taken its event yet. Retry with the same
    /// command id to learn what came of it.
    #[error(
        "every replica refuses it already, but the registry has not taken the change yet; retry with the same Idempotency-Key"
    )]
    Held,
    /// This replica no longer follows the log. Ask another one.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The projection's database failed.
    #[error("the projection cannot be read now")]
    Projection(#[source] StoreError),
    /// Onedoor's own fault.
    #[error("something went wrong here")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident, $text:literal, $status:ident, $title:literal;)+) => {
        /// What a refusal is known by: `reason` of its problem, and the end of its `type`. Failed authentication has the reasons of
        /// [`onedoor_authn::REASONS`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[$doc])* $name,)+
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// The HTTP status it is answered with.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)+
                }
            }

            /// In words, the same for every occurrence.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)+
                }
            }
        }
    };
}

reasons! {
    /// Blocked user or client app.
    Blocked, "blocked", FORBIDDEN, "The caller is blocked";
    /// No role that may.
    Forbidden, "forbidden", FORBIDDEN, "The caller may not do this";
    /// No such thing.
    NotFound, "not_found", NOT_FOUND, "There is no such thing";
    /// No such method.
    MethodNotAllowed, "method_not_allowed", METHOD_NOT_ALLOWED, "The path does not have this method";
    /// Wrong query or header.
    RequestInvalid, "request_invalid", BAD_REQUEST, "The query or a header is not valid";
    /// Wrong body.
    BodyInvalid, "body_invalid", UNPROCESSABLE_ENTITY, "The body is not valid";
    /// Wrong manifest.
    ManifestInvalid, "manifest_invalid", UNPROCESSABLE_ENTITY, "The manifest is not valid";
    /// An update that would rename its server.
    SlugDiffers, "slug_differs", UNPROCESSABLE_ENTITY, "A server keeps its slug";
    /// Too large a body.
    TooLarge, "too_large", PAYLOAD_TOO_LARGE, "The body is too large";
    /// A body that did not come, or not whole.
    BodyIncomplete, "body_incomplete", REQUEST_TIMEOUT, "The body did not arrive whole and in time";
    /// No `If-Match`.
    PreconditionRequired, "precondition_required", PRECONDITION_REQUIRED, "The command must name a version";
    /// Another change came first.
    VersionPassed, "version_passed", CONFLICT, "Another change came first";
    /// It exists already.
    Exists, "exists", CONFLICT, "It exists already";
    /// Promotion before approval.
    NotApproved, "not_approved", CONFLICT, "The version is not approved";
    /// An idempotency key of another command.
    CommandReused, "command_reused", UNPROCESSABLE_ENTITY, "The idempotency key belongs to another command";
    /// Made by an earlier try, and removed since.
    Gone, "gone", GONE, "It was made and has been removed since";
    /// A revision that has not come yet.
    Behind, "behind", SERVICE_UNAVAILABLE, "The revision has not come here yet";
    /// The log takes nothing now.
    LogUnavailable, "log_unavailable", SERVICE_UNAVAILABLE, "The log does not take commands now";
    /// The command is in force, and not in the registry yet.
    Held, "held", SERVICE_UNAVAILABLE, "It is in force, but not in the registry yet";
    /// The replica does not follow the log.
    Stopped, "stopped", SERVICE_UNAVAILABLE, "This replica no longer follows the registry";
    /// The projection cannot be read.
    ProjectionUnavailable, "projection_unavailable", SERVICE_UNAVAILABLE, "Histories and audits cannot be read now";
    /// Onedoor's own fault.
    Internal, "internal", INTERNAL_SERVER_ERROR, "Something went wrong here";
}

impl Refusal {
    /// A fault of Onedoor's own.
    pub(crate) fn internal(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }

    /// What it is known by, or the fault of the authentication, which has a reason of its own.
    fn reason(&self) -> Result<Reason, &AuthnFault> {
        Ok(match self {
            Self::Authn { fault, .. } => return Err(fault),
            Self::Blocked => Reason::Blocked,
            Self::Forbidden { .. } | Self::NotOwner { .. } => Reason::Forbidden,
            Self::NotFound(_) => Reason::NotFound,
            Self::MethodNotAllowed => Reason::MethodNotAllowed,
            Self::Request(_) => Reason::RequestInvalid,
            Self::Body(_) => Reason::BodyInvalid,
            Self::Manifest(_) => Reason::ManifestInvalid,
            Self::TooLarge { .. } => Reason::TooLarge,
            Self::Slow | Self::Broken(_) => Reason::BodyIncomplete,
            Self::PreconditionRequired => Reason::PreconditionRequired,
            Self::Conflict { conflict, .. } => reason_of(conflict),
            Self::Gone { .. } => Reason::Gone,
            Self::Behind { .. } => Reason::Behind,
            Self::Log(_) => Reason::LogUnavailable,
            Self::Held => Reason::Held,
            Self::Stopped(Stopped) => Reason::Stopped,
            Self::Projection(_) => Reason::ProjectionUnavailable,
            Self::Internal(_) => Reason::Internal,
        })
    }

    /// The HTTP status it is answered with.
    #[must_use]
    pub(crate) fn status(&self) -> StatusCode {
        self.reason().map_or_else(AuthnFault::http_status, Reason::status)
    }

    /// What programs know it by: `reason` of its problem.
    #[must_use]
    pub(crate) fn code(&self) -> &'static str {
        self.reason().map_or_else(AuthnFault::reason, Reason::as_str)
    }

    /// In words, the same for every occurrence.
    #[must_use]
    pub(crate) fn title(&self) -> &'static str {
        self.reason().map_or("The caller is not known", Reason::title)
    }

    /// What is wrong with the input, where it is at fault.
    #[must_use]
    pub(crate) fn faults(&self) -> Vec<Fault> {
        match self {
            Self::Request(faults) | Self::Body(faults) => faults.clone().into_vec(),
            Self::Manifest(faults) => faults.as_slice().to_vec(),
            Self::PreconditionRequired => vec![Fault {
                pointer: "If-Match".to_owned(),
                message: "is missing".to_owned(),
                hint: "GET it first and send the ETag of the answer as If-Match".to_owned(),
            }],
            Self::Conflict {
                conflict: Conflict::SlugDiffers(slug),
                ..
            } => vec![Fault {
                pointer: format!("/_meta/{}/slug", manifest::META_KEY.replace('/', "~1")),
                message: "is not the slug of the server that is updated".to_owned(),
                hint: format!("write {:?}, or register another server", slug.as_str()),
            }],
            Self::Authn { .. }
            | Self::Blocked
            | Self::Forbidden { .. }
            | Self::NotOwner { .. }
            | Self::NotFound(_)
            | Self::MethodNotAllowed
            | Self::TooLarge { .. }
            | Self::Slow
            | Self::Broken(_)
            | Self::Conflict { .. }
            | Self::Gone { .. }
            | Self::Behind { .. }
            | Self::Log(_)
            | Self::Held
            | Self::Stopped(Stopped)
            | Self::Projection(_)
            | Self::Internal(_) => Vec::new(),
        }
    }

    /// The version that the command should have been given for.
    #[must_use]
    pub(crate) fn current_version(&self) -> Option<AggregateVersion> {
        let Self::Conflict {
            conflict: Conflict::VersionPassed { actual, .. },
            won,
            ..
        } = self
        else {
            return None;
        };
        Some(won.as_ref().map_or(*actual, |touch| touch.version()))
    }
}

fn reason_of(conflict: &Conflict) -> Reason {
    match conflict {
        Conflict::VersionPassed { .. } => Reason::VersionPassed,
        Conflict::NoExpectedVersion => Reason::PreconditionRequired,
        Conflict::CommandReused => Reason::CommandReused,
        Conflict::Missing(_) => Reason::NotFound,
        Conflict::Exists(_) => Reason::Exists,
        Conflict::SlugDiffers(_) => Reason::SlugDiffers,
        Conflict::NotApproved(_) => Reason::NotApproved,
        Conflict::ManifestInvalid => Reason::ManifestInvalid,
        // No command of this API begins a log.
        Conflict::LogBegun => Reason::Internal,
    }
}

fn roles(roles: &[Role]) -> String {
    roles
        .iter()
        .map(|role| role.as_str())
        .collect::<Vec<_>>()
        .join(" or ")
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::BadCursor => Self::Request(Faults::one(
                "?cursor",
                error.to_string(),
                "start without a cursor",
            )),
            QueryError::Store(error) => Self::Projection(error),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        problem::render(&self)
    }
}
