"""An MCP server made with the Python SDK that takes Token B and nothing else, verified by PyJWT against the gateway's keys.

    ledger.py GATEWAY_URL AUDIENCE SCOPE JOURNAL

Prints one line of JSON once it listens: its port, and its tools as a manifest declares them. JOURNAL gets a line of JSON for
every request: its head and body as they came, and the claims of its Token B.
"""

import asyncio
import json
import sys
from typing import Any

import anyio
import jwt
import uvicorn
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import Context, MCPServer

gateway, audience, scope, journal_path = sys.argv[1:]
keys = jwt.PyJWKClient(f"{gateway}/.well-known/jwks.json")


class GatewayTokens:
    """Verifies Token B as its owner would: one issuer, one audience, one algorithm, one scope."""

    async def verify_token(self, token: str) -> AccessToken | None:
        try:
            key = await anyio.to_thread.run_sync(keys.get_signing_key_from_jwt, token)
            claims = jwt.decode(
                token,
                key,
                algorithms=["ES256"],
                audience=audience,
                issuer=gateway,
                options={"require": ["exp", "iat", "nbf", "iss", "aud", "sub", "jti", "client_id", "scope"]},
            )
        except jwt.PyJWTError as error:
            print(f"refused: {error}", file=sys.stderr, flush=True)
            return None
        return AccessToken(
            token=token,
            client_id=claims["client_id"],
            scopes=claims["scope"].split(),
            expires_at=claims["exp"],
            subject=claims["sub"],
            claims=claims,
        )


server = MCPServer(
    "ledger",
    token_verifier=GatewayTokens(),
    auth=AuthSettings(issuer_url=gateway, resource_server_url=None, required_scopes=[scope]),
    log_level="WARNING",
)


@server.tool()
async def whoami() -> dict[str, Any]:
    """The claims of the Token B that the call came with."""
    token = get_access_token()
    return token.claims if token else {}


@server.tool()
async def echo(text: str) -> str:
    """Gives the text back."""
    return text


@server.tool()
async def count(steps: int, ctx: Context) -> int:
    """Counts, with a progress notification for each step."""
    for step in range(1, steps + 1):
        await ctx.report_progress(step, steps, f"step {step}")
    return steps


@server.tool()
async def fail(text: str) -> str:
    """Always fails."""
    raise ValueError(text)


class Journal:
    """Writes down every request as it came."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.file = open(journal_path, "a", encoding="utf-8")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        body, written = b"", False

        async def recorded() -> Any:
            nonlocal body, written
            message = await receive()
            if message["type"] == "http.request":
                body += message.get("body", b"")
                if not message.get("more_body"):
                    self.write(scope, body)
                    written = True
            return message

        try:
            await self.app(scope, recorded, send)
        finally:
            if not written:
                self.write(scope, body)

    def write(self, scope: Any, body: bytes) -> None:
        head = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]]
        line = {"method": scope["method"], "path": scope["path"], "headers": head, "body": body.decode("latin-1")}
        print(json.dumps(line), file=self.file, flush=True)


async def main() -> None:
    app = Journal(server.streamable_http_app())
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="on")
    listening = uvicorn.Server(config)
    task = asyncio.create_task(listening.serve())
    while not listening.started:
        if task.done():
            return await task
        await asyncio.sleep(0.01)
    port = listening.servers[0].sockets[0].getsockname()[1]
    tools = [
        tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in await server.list_tools()
    ]
    print(json.dumps({"port": port, "tools": tools}), flush=True)
    await task


asyncio.run(main())
