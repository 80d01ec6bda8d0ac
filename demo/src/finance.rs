//! The `finance` demonstration server: figures of an imaginary company.

use std::sync::LazyLock;
use std::time::Duration;

use axum::Router;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::model::{CallToolResult, ContentBlock, Tool};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::currency::{Currency, Rounding, convert, rate};
use crate::server::{ActedFor, DemoServerConfig, serve};
use crate::token_b::Caller;
use crate::work::{Activity, Cancelled, PauseMs, Progress, Seconds, Steps};

/// Slug at the gateway.
pub const SLUG: &str = "finance";
/// The `aud` of its Token B.
pub const AUDIENCE: &str = "api://finance";
/// The scope its Token B must have.
pub const REQUIRED_SCOPE: &str = "finance.read";

static TOOLS: LazyLock<ToolRouter<Finance>> = LazyLock::new(Finance::tool_router);

/// The server, to serve at a loopback address.
pub fn router(config: DemoServerConfig) -> Router {
    let finance = Finance {
        activity: config.activity.clone(),
    };
    serve(finance, AUDIENCE, REQUIRED_SCOPE, config)
}

/// Its tool definitions, as `tools/list` gives them.
#[must_use]
pub fn tools() -> Vec<Tool> {
    TOOLS.list_all()
}

#[derive(Debug, Clone)]
struct Finance {
    activity: Activity,
}

/// Amounts are whole cents: money is not a floating point number.
type Cents = Bounded<1, 1_000_000_000_000>;

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Account {
    #[default]
    Operating,
    Payroll,
    Reserve,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BalanceQuery {
    /// Which account
    #[serde(default)]
    account: Account,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Balance {
    account: Account,
    balance_cents: i64,
    currency: Currency,
    acted_for: ActedFor,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Conversion {
    /// How much, in cents of `from`
    amount_cents: Cents,
    /// Currency of the amount
    from: Currency,
    /// Currency wanted
    to: Currency,
    /// What becomes of a fraction of a cent: to the nearest, halves up, or cut off
    #[serde(default)]
    rounding: Rounding,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Converted {
    /// The amount in cents of `currency`
    amount_cents: u64,
    currency: Currency,
    /// Units of `currency` for one unit of the currency asked about
    rate: f64,
    acted_for: ActedFor,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReportOrder {
    /// How long the report takes. More than 30 exceeds the time that this server's manifest allows for a first byte
    #[serde(default = "Seconds::constant::<5>")]
    seconds: Seconds,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Report {
    title: String,
    seconds: u64,
    acted_for: ActedFor,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LedgerRange {
    /// How many entries to reconcile; each is one progress notification
    #[serde(default = "Steps::constant::<5>")]
    entries: Steps,
    /// Time an entry takes, in milliseconds
    #[serde(default = "PauseMs::constant::<200>")]
    pause_ms: PauseMs,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Reconciliation {
    entries: u64,
    differences: u64,
    acted_for: ActedFor,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Payment {
    /// Who is paid
    payee: String,
    /// How much, in cents
    amount_cents: Cents,
    /// Currency of the amount
    currency: Currency,
}

#[tool_router]
impl Finance {
    #[tool(
        title = "Account balance",
        description = "The balance of one of the company's accounts, and the user it was read for.",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    async fn get_balance(
        &self,
        caller: Caller,
        Parameters(BalanceQuery { account }): Parameters<BalanceQuery>,
    ) -> Json<Balance> {
        let balance_cents = match account {
            Account::Operating => 123_456_789,
            Account::Payroll => 48_000_000,
            Account::Reserve => 500_000_000,
        };
        Json(Balance {
            account,
            balance_cents,
            currency: Currency::Eur,
            acted_for: caller.into(),
        })
    }

    #[tool(
        title = "Currency conversion",
        description = "Converts an amount between two currencies at the demonstration's fixed rates.",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    async fn convert_currency(
        &self,
        caller: Caller,
        Parameters(Conversion {
            amount_cents,
            from,
            to,
            rounding,
        }): Parameters<Conversion>,
    ) -> Json<Converted> {
        Json(Converted {
            amount_cents: convert(amount_cents.get(), from, to, rounding),
            currency: to,
            rate: rate(from, to),
            acted_for: caller.into(),
        })
    }

    #[tool(
        title = "Slow report",
        description = "Makes a report that takes the given number of seconds. Stops when the caller goes away.",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn slow_report(
        &self,
        caller: Caller,
        call: RequestContext<RoleServer>,
        Parameters(ReportOrder { seconds }): Parameters<ReportOrder>,
    ) -> Result<Json<Report>, Cancelled> {
        let seconds = seconds.get();
        self.activity
            .run(
                "slow_report",
                &call.ct,
                tokio::time::sleep(Duration::from_secs(seconds)),
            )
            .await?;
        Ok(Json(Report {
            title: "Quarterly report".to_owned(),
            seconds,
            acted_for: caller.into(),
        }))
    }

    #[tool(
        title = "Reconcile the ledger",
        description = "Goes through the ledger entry by entry and reports progress, if asked with a progress token.",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn reconcile_ledger(
        &self,
        caller: Caller,
        call: RequestContext<RoleServer>,
        Parameters(LedgerRange { entries, pause_ms }): Parameters<LedgerRange>,
    ) -> Result<Json<Reconciliation>, Cancelled> {
        let (entries, pause) = (entries.get(), Duration::from_millis(pause_ms.get()));
        let progress = Progress::of(&call, entries);
        let reconcile = async {
            for entry in 1..=entries {
                tokio::time::sleep(pause).await;
                progress
                    .report(entry, format!("entry {entry} of {entries}"))
                    .await;
            }
        };
        self.activity.run("reconcile_ledger", &call.ct, reconcile).await?;
        Ok(Json(Reconciliation {
            entries,
            differences: 0,
            acted_for: caller.into(),
        }))
    }

    #[tool(
        title = "Post a payment",
        description = "Would pay out money. This demonstration always refuses: it shows how a tool reports failure.",
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = false,
            open_world_hint = true
        )
    )]
    async fn post_payment(
        &self,
        Parameters(Payment {
            payee,
            amount_cents,
            currency,
        }): Parameters<Payment>,
    ) -> CallToolResult {
        let amount = currency.write(amount_cents.get());
        CallToolResult::error(vec![ContentBlock::text(format!(
            "Payment of {amount} to {payee} refused: the demonstration bank moves no money."
        ))])
    }
}

#[tool_handler(
    router = TOOLS,
    name = "finance",
    instructions = "Figures of an imaginary company. Amounts are in cents."
)]
impl rmcp::ServerHandler for Finance {}
