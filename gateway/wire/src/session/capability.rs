//! What a client lets a server ask.

/// The capabilities a client can declare that an upstream can make use of through us: the checked text of each, an
/// object. Others are left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientCapabilities<'a> {
    /// `elicitation`: the user can be asked.
    pub elicitation: Option<&'a str>,
    /// `sampling`: the client's model can be asked.
    pub sampling: Option<&'a str>,
    /// `roots`: the client's directories can be listed.
    pub roots: Option<&'a str>,
}

/// Which capabilities a client declared: small enough to be kept with its session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Declared {
    /// The user can be asked.
    pub elicitation: bool,
    /// The client's model can be asked.
    pub sampling: bool,
    /// The client's directories can be listed.
    pub roots: bool,
}

/// What a server may ask of a client. This is the whole table: other requests are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerRequest {
    /// `elicitation/create`
    Elicitation,
    /// `sampling/createMessage`
    Sampling,
    /// `roots/list`
    Roots,
    /// `ping`
    Ping,
}

impl ClientCapabilities<'_> {
    /// Which ones there are.
    #[must_use]
    pub fn declared(&self) -> Declared {
        Declared {
            elicitation: self.elicitation.is_some(),
            sampling: self.sampling.is_some(),
            roots: self.roots.is_some(),
        }
    }
}

impl ServerRequest {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Elicitation, Self::Sampling, Self::Roots, Self::Ping];

    /// Its method.
    #[must_use]
    pub fn method(self) -> &'static str {
        match self {
            Self::Elicitation => "elicitation/create",
            Self::Sampling => "sampling/createMessage",
            Self::Roots => "roots/list",
            Self::Ping => "ping",
        }
    }

    /// The request with this method.
    #[must_use]
    pub fn named(method: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|request| request.method() == method)
    }

    /// Whether a client that declared this may be asked.
    #[must_use]
    pub fn is_allowed(self, declared: Declared) -> bool {
        match self {
            Self::Elicitation => declared.elicitation,
            Self::Sampling => declared.sampling,
            Self::Roots => declared.roots,
            Self::Ping => true,
        }
    }
}
