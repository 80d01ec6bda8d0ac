//! What a request's target says: which service, at which stage, and the path within it. Pure.

use onedoor_model::{
    decide::{DenialReason, Operation, Request},
    ids::Slug,
    manifest::HttpMethod,
    path::CanonicalPath,
    registry::Stage,
};

/// The parts of a target, as the caller wrote them: nothing is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target<'u> {
    pub(super) slug: &'u str,
    pub(super) stage: Stage,
    /// With its first slash.
    path: &'u str,
}

impl<'u> Target<'u> {
    /// Reads the path of a request at this stage's route. What does not fit names no service.
    pub(super) fn read(stage: Stage, path: &'u str) -> Self {
        let (before, behind) = match stage {
            Stage::Production => ("/http/", ""),
            Stage::Qa => ("/servers/", "/qa/http"),
        };
        let rest = path.strip_prefix(before).unwrap_or_default();
        let end = rest.find('/').unwrap_or(rest.len());
        let (slug, path) = rest.split_at(end);
        Self {
            slug,
            stage,
            path: path.strip_prefix(behind).unwrap_or_default(),
        }
    }

    /// What is asked of which server.
    ///
    /// # Errors
    /// When no such server can exist, or no tool can have such a path.
    pub(super) fn wanted(self, method: HttpMethod) -> Result<Request, DenialReason> {
        let server = Slug::new(self.slug).map_err(|_| DenialReason::UnknownServer)?;
        let path = CanonicalPath::parse(self.path).map_err(|_| DenialReason::UnknownTool)?;
        Ok(Request {
            server,
            stage: self.stage,
            operation: Operation::CallRoute { method, path },
        })
    }

    /// The service's path below the data plane's URL, without its first slash: only a valid slug may go back in a header.
    pub(super) fn resource(self) -> Option<String> {
        let slug = Slug::new(self.slug).ok()?;
        Some(base_path(&slug, self.stage).split_off(1))
    }
}

/// Where the paths of a service begin on the data plane.
pub(crate) fn base_path(slug: &Slug, stage: Stage) -> String {
    match stage {
        Stage::Production => format!("/http/{slug}"),
        Stage::Qa => format!("/servers/{slug}/qa/http"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_slug_and_a_path() {
        use DenialReason::{UnknownServer, UnknownTool};
        for (stage, target, read) in [
            (Stage::Production, "/http/rates/latest", Ok("/latest")),
            (Stage::Production, "/http/rates/", Ok("/")),
            (Stage::Production, "/http/rates/%7ea/b", Ok("/~a/b")),
            (Stage::Production, "/http/rates/qa/http/x", Ok("/qa/http/x")),
            (Stage::Qa, "/servers/rates/qa/http/latest", Ok("/latest")),
            (Stage::Qa, "/servers/rates/qa/http/", Ok("/")),
            (Stage::Production, "/http/rates", Err(UnknownTool)),
            (Stage::Production, "/http/rates/..", Err(UnknownTool)),
            (Stage::Production, "/http/rates/%2e%2e/x", Err(UnknownTool)),
            (Stage::Production, "/http/rates//x", Err(UnknownTool)),
            (Stage::Qa, "/servers/rates/qa/http", Err(UnknownTool)),
            (Stage::Qa, "/servers/rates/qa/mcp", Err(UnknownTool)),
            (Stage::Production, "/http//x", Err(UnknownServer)),
            (Stage::Production, "/http/Rates/x", Err(UnknownServer)),
            (Stage::Production, "/http/r%61tes/x", Err(UnknownServer)),
            (Stage::Production, "/http/../x", Err(UnknownServer)),
            (Stage::Production, "/HTTP/rates/x", Err(UnknownServer)),
            (Stage::Production, "", Err(UnknownServer)),
            (Stage::Production, "*", Err(UnknownServer)),
        ] {
            let wanted = Target::read(stage, target).wanted(HttpMethod::Get);
            let path = wanted.map(|wanted| {
                assert_eq!((wanted.server.as_str(), wanted.stage), ("rates", stage));
                let Operation::CallRoute { path, .. } = wanted.operation else {
                    panic!("no route")
                };
                path.to_string()
            });
            assert_eq!(path, read.map(str::to_owned), "{target}");
        }
    }

    #[test]
    fn a_resource_is_named_by_its_base() {
        for (stage, target, resource) in [
            (Stage::Production, "/http/rates/x/y", Some("http/rates")),
            (
                Stage::Qa,
                "/servers/rates/qa/http/x",
                Some("servers/rates/qa/http"),
            ),
            (Stage::Production, "/http/Ra\"tes/x", None),
        ] {
            assert_eq!(Target::read(stage, target).resource().as_deref(), resource);
        }
    }
}
