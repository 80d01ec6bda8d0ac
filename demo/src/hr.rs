//! The `hr` demonstration server: the people of the same imaginary company.

mod staff;

use std::sync::LazyLock;
use std::time::Duration;

use axum::Router;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::model::{CallToolResult, ContentBlock, IntoContents, Tool};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::staff::{Employee, employee, find};
use crate::server::{ActedFor, DemoServerConfig, serve};
use crate::token_b::Caller;
use crate::work::{Activity, Cancelled, PauseMs, Progress, Seconds, Steps};

/// Slug at the gateway.
pub const SLUG: &str = "hr";
/// The `aud` of its Token B.
pub const AUDIENCE: &str = "api://hr";
/// The scope its Token B must have.
pub const REQUIRED_SCOPE: &str = "hr.read";

static TOOLS: LazyLock<ToolRouter<Hr>> = LazyLock::new(Hr::tool_router);

/// The server, to serve at a loopback address.
pub fn router(config: DemoServerConfig) -> Router {
    let hr = Hr {
        activity: config.activity.clone(),
    };
    serve(hr, AUDIENCE, REQUIRED_SCOPE, config)
}

/// Its tool definitions, as `tools/list` gives them.
#[must_use]
pub fn tools() -> Vec<Tool> {
    TOOLS.list_all()
}

#[derive(Debug, Clone)]
struct Hr {
    activity: Activity,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EmployeeQuery {
    /// Part of a name or of a team's name, in any case
    query: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Employees {
    employees: Vec<Employee>,
    acted_for: ActedFor,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VacationQuery {
    /// Id of an employee, such as E-1001
    employee_id: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Vacation {
    employee: Employee,
    /// Working days a year
    entitled: u32,
    taken: u32,
    left: u32,
    acted_for: ActedFor,
}

/// No employee has this id. As a tool's answer it is an error.
#[derive(Debug)]
struct NoSuchEmployee(String);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExportOrder {
    /// How long the export takes. More than 30 exceeds the time that this server's manifest allows for a first byte
    #[serde(default = "Seconds::constant::<5>")]
    seconds: Seconds,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Export {
    employees: u64,
    seconds: u64,
    acted_for: ActedFor,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Timesheets {
    /// How many sheets to import; each is one progress notification
    #[serde(default = "Steps::constant::<5>")]
    sheets: Steps,
    /// Time a sheet takes, in milliseconds
    #[serde(default = "PauseMs::constant::<200>")]
    pause_ms: PauseMs,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Imported {
    sheets: u64,
    acted_for: ActedFor,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Dismissal {
    /// Id of an employee, such as E-1001
    employee_id: String,
    /// Why
    reason: String,
}

#[tool_router]
impl Hr {
    #[tool(
        title = "Find employees",
        description = "Employees whose name or team contains the query.",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    async fn find_employee(
        &self,
        caller: Caller,
        Parameters(EmployeeQuery { query }): Parameters<EmployeeQuery>,
    ) -> Json<Employees> {
        Json(Employees {
            employees: find(&query).collect(),
            acted_for: caller.into(),
        })
    }

    #[tool(
        title = "Vacation days",
        description = "How many days of vacation an employee has, took and has left.",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    async fn vacation_days(
        &self,
        caller: Caller,
        Parameters(VacationQuery { employee_id }): Parameters<VacationQuery>,
    ) -> Result<Json<Vacation>, NoSuchEmployee> {
        let Some((employee, taken)) = employee(&employee_id) else {
            return Err(NoSuchEmployee(employee_id));
        };
        let entitled = staff::VACATION_DAYS;
        let left = entitled.saturating_sub(taken);
        Ok(Json(Vacation {
            employee,
            entitled,
            taken,
            left,
            acted_for: caller.into(),
        }))
    }

    #[tool(
        title = "Slow export",
        description = "Exports the staff list, which takes the given number of seconds. Stops when the caller goes away.",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn slow_export(
        &self,
        caller: Caller,
        call: RequestContext<RoleServer>,
        Parameters(ExportOrder { seconds }): Parameters<ExportOrder>,
    ) -> Result<Json<Export>, Cancelled> {
        let seconds = seconds.get();
        self.activity
            .run(
                "slow_export",
                &call.ct,
                tokio::time::sleep(Duration::from_secs(seconds)),
            )
            .await?;
        Ok(Json(Export {
            employees: staff::COUNT,
            seconds,
            acted_for: caller.into(),
        }))
    }

    #[tool(
        title = "Import time sheets",
        description = "Imports time sheets one by one and reports progress, if asked with a progress token.",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn import_timesheets(
        &self,
        caller: Caller,
        call: RequestContext<RoleServer>,
        Parameters(Timesheets { sheets, pause_ms }): Parameters<Timesheets>,
    ) -> Result<Json<Imported>, Cancelled> {
        let (sheets, pause) = (sheets.get(), Duration::from_millis(pause_ms.get()));
        let progress = Progress::of(&call, sheets);
        let import = async {
            for sheet in 1..=sheets {
                tokio::time::sleep(pause).await;
                progress.report(sheet, format!("sheet {sheet} of {sheets}")).await;
            }
        };
        self.activity.run("import_timesheets", &call.ct, import).await?;
        Ok(Json(Imported {
            sheets,
            acted_for: caller.into(),
        }))
    }

    #[tool(
        title = "Fire an employee",
        description = "Would end an employment. This demonstration always refuses: it shows how a tool reports failure.",
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = false,
            open_world_hint = false
        )
    )]
    async fn fire_employee(
        &self,
        Parameters(Dismissal { employee_id, reason }): Parameters<Dismissal>,
    ) -> CallToolResult {
        CallToolResult::error(vec![ContentBlock::text(format!(
            "{employee_id} keeps the job: \"{reason}\" is no reason the works council accepts."
        ))])
    }
}

#[tool_handler(
    router = TOOLS,
    name = "hr",
    instructions = "The people of an imaginary company. Find an employee's id with find_employee."
)]
impl rmcp::ServerHandler for Hr {}

impl IntoContents for NoSuchEmployee {
    fn into_contents(self) -> Vec<ContentBlock> {
        vec![ContentBlock::text(format!("there is no employee {}", self.0))]
    }
}
