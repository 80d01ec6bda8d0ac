//! Commands: what comes with every one of them, and how they are given.

use axum::{extract::FromRequest, extract::Request};
use onedoor_lease::{Enforced, Executed};
use onedoor_log::{AppendError, Refusal as LogRefusal};
use onedoor_model::{
    ids::{AggregateVersion, BlockId, GrantId, IssuerName, Slug},
    manifest,
    registry::{Command, CommandKey, CommandStamp, Conflict, State, Touch},
};
use onedoor_registry::{Applied, Order, Rejected};
use onedoor_wire::trace::TraceParent;

use crate::{
    Api,
    action::Permission,
    body::{self, Body},
    faults::Faults,
    idempotency,
    openapi::{Documented, Spec},
    permission::May,
    precondition::{Always, Precondition},
    reason::{self, Why},
    refusal::Refusal,
};

/// A command that came in.
#[derive(Debug)]
pub(crate) struct Incoming<B, W = Always> {
    /// What is asked.
    pub body: B,
    /// What it is given for.
    pub when: W,
    /// What comes with every command.
    pub head: Head,
}

/// What comes with every command.
#[derive(Debug)]
pub(crate) struct Head {
    stamp: CommandStamp,
    reason: Option<Why>,
    traceparent: Option<String>,
}

/// A command that took effect, and the registry since.
#[derive(Debug)]
pub(crate) struct Done {
    /// The command.
    pub applied: Applied,
    /// Of a restrictive command: where it is enforced.
    pub enforced: Option<Enforced>,
    /// The registry, at its revision or later.
    pub state: State,
}

/// What a command is about.
#[derive(Debug)]
enum About {
    Server(Slug),
    Grant(GrantId),
    Block(BlockId),
    Issuer(IssuerName),
    Settings,
    Nothing,
}

impl<B: Body, W: Precondition> FromRequest<Api> for Incoming<B, W> {
    type Rejection = Refusal;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let when = W::read(&parts.headers)?;
        let said = reason::read(&parts.headers).map_err(Refusal::Request)?;
        let bytes = body::take(body, B::LIMIT).await?;
        let stamp = idempotency::stamp(&parts.method, parts.uri.path(), &parts.headers, &bytes)?;
        let body = B::read(bytes)?;
        let reason = body.reason().cloned().or(said);
        let traceparent = parts
            .headers
            .get("traceparent")
            .and_then(|value| value.to_str().ok());
        let traceparent = traceparent
            .filter(|text| TraceParent::parse(text).is_some())
            .map(str::to_owned);
        if let Some(version) = when.version() {
            api.catch_up(version).await;
        }
        Ok(Self {
            body,
            when,
            head: Head {
                stamp,
                reason,
                traceparent,
            },
        })
    }
}

impl<B: Body, W: Precondition> Documented for Incoming<B, W> {
    fn document(spec: &mut Spec<'_>) {
        spec.header_parameter(
            idempotency::NAME,
            false,
            "Names the command, so that a retry of it is recognised: 1 to 256 printable characters without spaces. The same name with \
             another body or `If-Match` is refused.",
        );
        spec.header_parameter(
            reason::NAME,
            false,
            "Why, for those who read the history: up to 1,000 characters, percent-encoded UTF-8. A `reason` in the body goes first.",
        );
        for status in [400, 408, 422, 503] {
            spec.problem(status);
        }
        W::document(spec);
        B::document(spec);
    }
}

impl<P: Permission> May<P> {
    /// Whether a command was given before. What it was given for may be gone since: what is checked before a command is not checked
    /// again for its retry.
    pub(crate) fn is_retry(&self, state: &State, head: &Head) -> bool {
        let stamp = &head.stamp;
        let key = CommandKey {
            actor: self.principal.actor().key(),
            route: stamp.route.clone(),
            id: stamp.id.clone(),
        };
        state.command(&key).is_some()
    }

    /// Gives a command, and waits until no replica serves any more as if it had not been given. The caller's disconnect does not stop it
    /// half-way.
    ///
    /// # Errors
    /// It did nothing, or it is not known whether it did.
    pub(crate) async fn execute(
        &self,
        head: Head,
        command: Command,
        expected: Option<AggregateVersion>,
    ) -> Result<Done, Refusal> {
        let about = About::of(&command);
        let order = Order {
            command,
            expected,
            stamp: head.stamp,
            actor: self.principal.actor(),
            reason: self.recorded_reason(head.reason.map(String::from)),
            traceparent: head.traceparent,
        };
        let api = self.api.clone();
        let execution = tokio::spawn(async move {
            let executed = api.control.execute(order).await?;
            if let Some(enforced) = &executed.enforced {
                api.enforcements.enforced(enforced.took);
            }
            Ok(executed)
        });
        let result = execution.await.map_err(Refusal::internal)?;
        let state = self.api.registry.state();
        match result {
            Ok(Executed { applied, enforced }) => Ok(Done {
                applied,
                enforced,
                state,
            }),
            Err(rejected) => Err(refusal(rejected, &about, &state)),
        }
    }
}

impl About {
    fn of(command: &Command) -> Self {
        match command {
            Command::Register { manifest, .. } => match manifest::read(manifest.as_bytes()) {
                Ok(manifest) => Self::Server(manifest.slug),
                Err(_) => Self::Nothing,
            },
            Command::Update { slug, .. }
            | Command::Approve { slug, .. }
            | Command::Promote { slug, .. }
            | Command::Disable { slug }
            | Command::Enable { slug }
            | Command::Retire { slug }
            | Command::DisableTool { slug, .. }
            | Command::EnableTool { slug, .. } => Self::Server(slug.clone()),
            Command::AddGrant { id, .. } | Command::RemoveGrant { id } => Self::Grant(*id),
            Command::AddBlock(block) => Self::Block(block.id),
            Command::RemoveBlock { id } => Self::Block(*id),
            Command::Trust(issuer) => Self::Issuer(issuer.name.clone()),
            Command::Distrust { name } => Self::Issuer(name.clone()),
            Command::Set(_) => Self::Settings,
            Command::AcceptRestore { .. } => Self::Nothing,
        }
    }

    fn last_change(&self, state: &State) -> Option<Touch> {
        match self {
            Self::Server(slug) => state.server_named(slug).map(|server| server.changed.clone()),
            Self::Grant(id) => state.grant(*id).map(|grant| grant.changed.clone()),
            Self::Block(id) => state.block(*id).map(|block| block.changed.clone()),
            Self::Issuer(name) => state.issuer(name).map(|issuer| issuer.changed.clone()),
            Self::Settings => state.settings().map(|settings| settings.changed.clone()),
            Self::Nothing => None,
        }
    }
}

fn refusal(rejected: Rejected, about: &About, state: &State) -> Refusal {
    match rejected {
        Rejected::NotFound(missing) => Refusal::NotFound(format!("server {}", missing.0)),
        Rejected::Conflict(other) => conflict(restated(other, about), about, state),
        Rejected::Log(AppendError::Refused(LogRefusal::EventTooLarge { bytes, limit, .. })) => {
            let message = format!("the event would have {bytes} bytes, {limit} are allowed");
            Refusal::Body(Faults::one(
                "",
                message,
                "make it smaller: indentation counts, too",
            ))
        }
        Rejected::Log(error) => Refusal::Log(error),
        Rejected::Held => Refusal::Held,
        Rejected::Stopped(stopped) => Refusal::Stopped(stopped),
        Rejected::Write(error) => Refusal::internal(error),
    }
}

/// An issuer that is to be new has version 0: where it has another, there is one already.
fn restated(conflict: Conflict, about: &About) -> Conflict {
    match (conflict, about) {
        (
            Conflict::VersionPassed {
                expected: AggregateVersion::NONE,
                ..
            },
            About::Issuer(name),
        ) => Conflict::Exists(format!("issuer {name}")),
        (conflict, _) => conflict,
    }
}

fn conflict(conflict: Conflict, about: &About, state: &State) -> Refusal {
    Refusal::Conflict {
        conflict,
        won: about.last_change(state).map(Box::new),
        revision: state.revision().unwrap_or_default(),
    }
}
