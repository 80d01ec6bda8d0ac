//! The one table of MCP methods that are served. What is not in it is refused, whatever it is: server-to-client requests,
//! methods of other revisions, extensions.

/// A method that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `server/discover`
    Discover,
    /// `tools/list`
    ListTools,
    /// `tools/call`
    CallTool,
}

/// What a method needs a grant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Any tool of the server.
    Server,
    /// The tool that the request names.
    NamedTool,
}

/// Method → resource.
pub const METHODS: [(&str, Method, Resource); 3] = [
    ("server/discover", Method::Discover, Resource::Server),
    ("tools/list", Method::ListTools, Resource::Server),
    ("tools/call", Method::CallTool, Resource::NamedTool),
];

impl Method {
    /// The served method of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        METHODS
            .iter()
            .find(|(known, ..)| *known == name)
            .map(|(_, method, _)| *method)
    }

    /// The method's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Discover => "server/discover",
            Self::ListTools => "tools/list",
            Self::CallTool => "tools/call",
        }
    }
}
