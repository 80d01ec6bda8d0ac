//! What `onedoor dev` says when the door is open.
#![expect(clippy::print_stdout, reason = "it is what a person started it for")]

use std::path::Path;

use super::folder::Places;

/// Where the door is, and what to try first.
pub(super) fn print(places: &Places, data: &Path) {
    let door = places.data.as_str().trim_end_matches('/');
    let (admin, idp) = (places.admin.as_str(), places.idp.as_str());
    let (finance, hr, rates) = (places.finance.as_str(), places.hr.as_str(), places.rates.as_str());
    let folder = if data == Path::new("data") {
        String::new()
    } else {
        format!(" --data {}", data.display())
    };
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
    println!(
        r#"
The door is open. Everything here is on this machine only, and state is in {data}.

  MCP              {door}/mcp   (all your tools)
                   {door}/servers/finance/mcp, {door}/servers/hr/mcp
  plain HTTP       {door}/http/rates/…
  tools            {door}/tools
  admin API        {admin}api/v1   (OpenAPI: {admin}api/v1/openapi.json)
  behind the door  {finance}, {hr}, {rates}
  sign-in          {idp}   users: analyst (Finance), manager (HR), admin, auditor, owner

Connect a client. It finds the identity provider by itself, and a page opens where you click who you are:

  Claude Code      claude mcp add --transport http onedoor {door}/mcp
  Claude Desktop   claude_desktop_config.json:
                   {{"mcpServers":{{"onedoor":{{"command":"npx","args":["-y","mcp-remote","{door}/mcp"]}}}}}}
  VS Code          .vscode/mcp.json:
                   {{"servers":{{"onedoor":{{"type":"http","url":"{door}/mcp"}}}}}}
  MCP Inspector    npx @modelcontextprotocol/inspector   then Streamable HTTP, {door}/mcp

Or by hand. Get a token (it lasts an hour or so):

  TOKEN=$(./onedoor token analyst{folder})

List the tools that the analyst may use:

  curl -s {door}/tools -H "Authorization: Bearer $TOKEN"

Call one:

  curl -s {door}/servers/finance/mcp -H "Authorization: Bearer $TOKEN" \
    -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \
    -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/call' -H 'Mcp-Name: get_balance' \
    -d '{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"get_balance","arguments":{{"account":"operating"}},{meta}}}}}'

One that speaks plain HTTP, and streams:

  curl -sN "{door}/http/rates/quotes?quotes=3" -H "Authorization: Bearer $TOKEN"

See it on the record:

  ./onedoor audit calls --since 1h{folder}

Ctrl-C stops: calls under way may end first.
"#,
        data = data.display(),
    );
}
