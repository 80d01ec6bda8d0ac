"""The Python SDK's client, unmodified, driven by a script on stdin.

The script is one JSON object: url, token, headers, steps. Each step gives one line of JSON on stdout, in order. The first
line tells what the client negotiated.
"""

import asyncio
import json
import sys
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


def plain(model: Any) -> Any:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def run_list(client: Client, step: dict[str, Any]) -> dict[str, Any]:
    tools, cursor = [], None
    while True:
        page = await client.list_tools(cursor=cursor)
        tools += [plain(tool) for tool in page.tools]
        cursor = page.next_cursor
        if cursor is None:
            return {"tools": tools}


async def run_call(client: Client, step: dict[str, Any]) -> dict[str, Any]:
    progress: list[Any] = []
    scope = anyio.CancelScope()

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        progress.append({"progress": done, "total": total, "message": message})
        if len(progress) == step.get("cancelAfterProgress"):
            scope.cancel()

    with scope:
        result = await client.call_tool(
            step["tool"],
            step.get("arguments", {}),
            progress_callback=on_progress if step.get("progress") else None,
            meta=step.get("meta"),
        )
        return {"result": plain(result), "progress": progress}
    return {"cancelled": True, "progress": progress}


STEPS = {"list": run_list, "call": run_call}


async def main() -> None:
    script = json.load(sys.stdin)
    headers = {"Authorization": f"Bearer {script['token']}", **script.get("headers", {})}
    async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
        async with Client(streamable_http_client(script["url"], http_client=http)) as client:
            info = client.server_info
            say(
                op="connect",
                protocolVersion=client.protocol_version,
                server=plain(info) if info else None,
                capabilities=plain(client.server_capabilities),
            )
            for step in script["steps"]:
                try:
                    say(op=step["op"], **await STEPS[step["op"]](client, step))
                except MCPError as error:
                    say(op=step["op"], error=plain(error.error))


asyncio.run(main())
