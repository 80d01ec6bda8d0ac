//! Routes: which requests of a plain HTTP service are calls of which tool.

use std::{collections::HashMap, fmt};

use super::{
    document::{At, Node},
    faults::{Findings, Reported, shown},
    members::{Members, Rest, Text},
};
use crate::{
    ids::ToolName,
    path::{self, CanonicalPath},
};

const HINT: &str = "give {\"method\": \"GET\", \"path\": \"/invoices/{id}\"}";
const METHOD_HINT: &str = "write one of GET, HEAD, POST, PUT, PATCH, DELETE";
const PATH_HINT: &str =
    "give a path below the service's URL, such as \"/invoices/{id}\" or \"/files/{*path}\"";

/// The requests that are calls of one tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: HttpMethod,
    /// The paths.
    pub template: PathTemplate,
}

/// The methods of plain HTTP tools (RFC 9110 §9.3, RFC 5789). The others concern connections, not tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HttpMethod {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

/// A path with open places: `/invoices/{id}`, `/files/{*path}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate {
    text: String,
    segments: Vec<Segment>,
}

/// A part of a template. In the order of precedence: where several templates fit a path, the one counts that is first by its first
/// segment in which they differ.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// This segment, in canonical form.
    Literal(String),
    /// `{name}`: any one segment.
    One(String),
    /// `{*name}`, the last: one segment or more.
    Rest(String),
}

/// Why a text is no template. The owner's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum TemplateFault {
    #[error("{0}")]
    Path(#[from] path::PathFault),
    #[error("has a place whose name is not letters, digits and underscores")]
    Name,
    #[error("has two places of one name")]
    NameTwice,
    #[error("has `{{*…}}` before its end")]
    RestWithin,
}

/// The routes met so far: by method and template without its names, since two that differ in nothing else fit the same requests.
#[derive(Debug, Default)]
pub(super) struct Routes(HashMap<(HttpMethod, String), ToolName>);

/// The member `http` of a tool.
pub(super) fn read(tool: Members<'_, '_>, findings: &mut Findings) -> Result<Route, Reported> {
    let node = tool.required("http", HINT, findings)?;
    let members = Members::of(node, HINT, findings)?;
    members.judge_rest(&["method", "path"], Rest::Closed, findings);
    let method = method(members, findings);
    let template = template(members, findings);
    Ok(Route {
        method: method?,
        template: template?,
    })
}

fn method(members: Members<'_, '_>, findings: &mut Findings) -> Result<HttpMethod, Reported> {
    let Text { at, text } = members.required_text("method", METHOD_HINT, findings)?;
    HttpMethod::named(text).ok_or_else(|| {
        findings.unreadable(
            at,
            format!("{} is not a method of tools", shown(text)),
            METHOD_HINT,
        )
    })
}

fn template(members: Members<'_, '_>, findings: &mut Findings) -> Result<PathTemplate, Reported> {
    let Text { at, text } = members.required_text("path", PATH_HINT, findings)?;
    let template = PathTemplate::parse(text)
        .map_err(|fault| findings.unreadable(at, format!("{} {fault}", shown(text)), PATH_HINT))?;
    if template.text != text {
        findings.unacceptable(
            at,
            format!("{} is not written in normal form", shown(text)),
            format!("write {}", shown(&template.text)),
        );
    }
    Ok(template)
}

impl Routes {
    /// Adds the route of a tool; one that no request could tell from an earlier one is a fault.
    pub(super) fn add(&mut self, at: At, tool: &ToolName, route: &Route, findings: &mut Findings) {
        let shape = route
            .template
            .segments
            .iter()
            .map(Segment::shape)
            .collect::<String>();
        if let Some(other) = self.0.insert((route.method, shape), tool.clone()) {
            findings.unacceptable(
                at,
                format!("{route} is {} as well", shown(other.as_str())),
                "give each tool requests of its own",
            );
        }
    }
}

/// Where a tool of a plain HTTP service has its route.
pub(super) fn place(tool: &Node<'_>) -> At {
    tool.get("http").unwrap_or(tool).at
}

impl Route {
    /// Whether a request is a call of the tool, as far as the tool's own route says.
    #[must_use]
    pub fn fits(&self, method: HttpMethod, path: &CanonicalPath) -> bool {
        self.method == method && self.template.fits(path)
    }

    /// What puts routes that fit one request in the order of precedence.
    pub(super) fn precedence(&self) -> impl Iterator<Item = u8> {
        self.template.segments.iter().map(|segment| match segment {
            Segment::Literal(_) => 0,
            Segment::One(_) => 1,
            Segment::Rest(_) => 2,
        })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.template)
    }
}

impl HttpMethod {
    /// All methods.
    pub const ALL: [Self; 6] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
    ];

    /// The method of this name; case counts (RFC 9110 §9.1).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

impl fmt::Display for HttpMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PathTemplate {
    fn parse(text: &str) -> Result<Self, TemplateFault> {
        let behind = text.strip_prefix('/').ok_or(path::PathFault::NotAbsolute)?;
        if text.len() > path::MAX_PATH {
            return Err(path::PathFault::TooLong.into());
        }
        let mut segments: Vec<Segment> = Vec::new();
        for part in behind.split('/').filter(|_| !behind.is_empty()) {
            if matches!(segments.last(), Some(Segment::Rest(_))) {
                return Err(TemplateFault::RestWithin);
            }
            let segment = Segment::parse(part)?;
            let name = segment.name();
            if name.is_some() && segments.iter().any(|earlier| earlier.name() == name) {
                return Err(TemplateFault::NameTwice);
            }
            segments.push(segment);
        }
        let text = segments.iter().map(|segment| format!("/{segment}")).collect();
        let text = if segments.is_empty() { "/".to_owned() } else { text };
        Ok(Self { text, segments })
    }

    /// The template as text, in normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a path is one of these.
    #[must_use]
    pub fn fits(&self, path: &CanonicalPath) -> bool {
        let mut given = path.segments();
        for segment in &self.segments {
            let fits = match (segment, given.next()) {
                (Segment::Literal(literal), Some(given)) => literal == given,
                (Segment::One(_), Some(_)) => true,
                (Segment::Rest(_), given) => return given.is_some(),
                (Segment::Literal(_) | Segment::One(_), None) => false,
            };
            if !fits {
                return false;
            }
        }
        given.next().is_none()
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, TemplateFault> {
        let Some(name) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else {
            return Ok(Self::Literal(path::segment(text)?));
        };
        let (rest, name) = match name.strip_prefix('*') {
            Some(name) => (true, name),
            None => (false, name),
        };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(TemplateFault::Name);
        }
        let name = name.to_owned();
        Ok(if rest { Self::Rest(name) } else { Self::One(name) })
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::One(name) | Self::Rest(name) => Some(name),
        }
    }

    /// The segment without its name. No literal holds a brace.
    fn shape(&self) -> String {
        match self {
            Self::Literal(literal) => format!("/{literal}"),
            Self::One(_) => "/{}".to_owned(),
            Self::Rest(_) => "/{*}".to_owned(),
        }
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(literal) => f.write_str(literal),
            Self::One(name) => write!(f, "{{{name}}}"),
            Self::Rest(name) => write!(f, "{{*{name}}}"),
        }
    }
}
