//! The OpenAPI document. What a handler takes and gives describes itself here, so that the document cannot differ from the code.

use std::collections::BTreeSet;

use http::StatusCode;
use utoipa::{
    ToSchema,
    openapi::{
        ComponentsBuilder, Content, HeaderBuilder, InfoBuilder, ObjectBuilder, OpenApi, OpenApiBuilder, Ref,
        RefOr, Required, ResponseBuilder, Schema, Type,
        extensions::Extensions,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use crate::{
    action::{Action, Role},
    answer,
    problem::{self, Problem},
    refusal::Reason,
};

/// The name of the security scheme.
const BEARER: &str = "adminToken";
/// The extension that names an operation's action in the table of roles.
pub(crate) const ACTION: &str = "x-onedoor-action";

/// Something that describes its part of an operation.
pub(crate) trait Documented {
    /// Describes it.
    fn document(spec: &mut Spec<'_>);
}

/// The description of one operation.
pub(crate) struct Spec<'a> {
    operation: &'a mut Operation,
    schemas: &'a mut Vec<(String, RefOr<Schema>)>,
}

/// The document, before any operation.
pub(crate) fn base() -> OpenApi {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some(
            "A token of a trusted issuer, for its audience of the admin plane.",
        ))
        .build();
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Onedoor admin API")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "Commands are answered once no replica serves any more as if they had not been given, or, where they do not only take \
                     away, after a second. Errors are problems (RFC 9457); `reason` is what programs tell them apart by.",
                ))
                .build(),
        )
        .components(Some(
            ComponentsBuilder::new().security_scheme(BEARER, SecurityScheme::Http(bearer)).build(),
        ))
        .build()
}

/// Describes the segments of a path below the API's. The first one is the operation's tag.
pub(crate) fn document_path(spec: &mut Spec<'_>, path: &str) {
    spec.operation.tags = path.split('/').nth(1).map(|resource| vec![resource.to_owned()]);
    for name in path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    {
        let description = match name {
            "slug" => "The server's slug.",
            "tool" => "The tool's name.",
            "number" => "The version's number.",
            "name" => "The issuer's name.",
            _ => "The id.",
        };
        spec.parameter(text_parameter(name, ParameterIn::Path, true, description));
    }
}

impl<'a> Spec<'a> {
    /// The description of an operation, and where its schemas go.
    pub(crate) fn new(operation: &'a mut Operation, schemas: &'a mut Vec<(String, RefOr<Schema>)>) -> Self {
        Self { operation, schemas }
    }

    /// Says which action it is and who may do it.
    pub(crate) fn action(&mut self, action: Action) {
        let roles: Vec<&str> = action.roles().into_iter().map(Role::as_str).collect();
        let needs = format!("Needs one of the roles {}.", roles.join(", "));
        let description = match self.operation.description.take() {
            Some(description) => format!("{}\n\n{needs}", description.trim_end()),
            None => needs,
        };
        self.operation.description = Some(description);
        self.operation.security = Some(vec![SecurityRequirement::new(BEARER, [] as [&str; 0])]);
        self.operation.extensions = Some(Extensions::from_iter([(ACTION, action.as_str())]));
        // Authentication can be refused with each of these, whatever is asked.
        for status in [400, 401, 403, 500, 503] {
            self.problem(status);
        }
    }

    /// Adds a parameter.
    pub(crate) fn parameter(&mut self, parameter: Parameter) {
        self.operation
            .parameters
            .get_or_insert_default()
            .push(RefOr::T(parameter));
    }

    /// Adds a query parameter that may be left out.
    pub(crate) fn query_parameter(&mut self, name: &str, description: &str) {
        self.parameter(text_parameter(name, ParameterIn::Query, false, description));
    }

    /// Adds a header.
    pub(crate) fn header_parameter(&mut self, name: &str, required: bool, description: &str) {
        self.parameter(text_parameter(name, ParameterIn::Header, required, description));
    }

    /// Says what the body is.
    pub(crate) fn json_body<T: ToSchema>(&mut self, required: bool) {
        let content = Content::new(Some(self.schema::<T>()));
        let required = if required { Required::True } else { Required::False };
        let body = RequestBodyBuilder::new()
            .content("application/json", content)
            .required(Some(required))
            .build();
        self.operation.request_body = Some(RefOr::T(body));
    }

    /// Says that the body is a manifest.
    pub(crate) fn manifest_body(&mut self) {
        let schema = ObjectBuilder::new().schema_type(Type::Object).description(Some(
            "The official registry's server.json (schema 2025-12-11) with Onedoor's part under `_meta[\"dev.onedoor/server\"]`. It is \
             kept byte for byte.",
        ));
        let body = RequestBodyBuilder::new()
            .content("application/json", Content::new(Some(RefOr::from(schema))))
            .required(Some(Required::True))
            .build();
        self.operation.request_body = Some(RefOr::T(body));
    }

    /// Says what is answered.
    pub(crate) fn answer(
        &mut self,
        status: u16,
        description: &str,
        content: Option<RefOr<Schema>>,
        headers: &[&str],
    ) {
        let mut response = ResponseBuilder::new().description(description);
        if let Some(schema) = content {
            response = response.content("application/json", Content::new(Some(schema)));
        }
        for name in headers {
            let header = HeaderBuilder::new()
                .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
                .description(Some(answer::described(name)));
            response = response.header(*name, header.build());
        }
        self.operation
            .responses
            .responses
            .insert(status.to_string(), RefOr::T(response.build()));
    }

    /// Adds a status that is answered with a problem.
    pub(crate) fn problem(&mut self, status: u16) {
        let content = Content::new(Some(self.schema::<Problem>()));
        let response = ResponseBuilder::new()
            .description(described(status))
            .content(problem::MEDIA_TYPE, content)
            .build();
        self.operation
            .responses
            .responses
            .insert(status.to_string(), RefOr::T(response));
    }

    /// A reference to a type's schema, which becomes part of the document.
    pub(crate) fn schema<T: ToSchema>(&mut self) -> RefOr<Schema> {
        let name = T::name().into_owned();
        self.schemas.push((name.clone(), T::schema()));
        T::schemas(self.schemas);
        RefOr::Ref(Ref::from_schema_name(name))
    }
}

/// The reasons that a status has.
fn described(status: u16) -> String {
    let reasons: BTreeSet<&str> = Reason::ALL
        .iter()
        .filter(|reason| Some(reason.status()) == StatusCode::from_u16(status).ok())
        .map(|reason| reason.as_str())
        .collect();
    if reasons.is_empty() {
        return "Nobody is known to call: `reason` says why.".to_owned();
    }
    reasons.into_iter().collect::<Vec<_>>().join(", ")
}

fn text_parameter(name: &str, place: ParameterIn, required: bool, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(if required { Required::True } else { Required::False })
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}
