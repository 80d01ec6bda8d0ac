"""The Python SDK's client of the session revisions (major version 1), unmodified, driven by a script on stdin.

The script is one JSON object: url, token, answers (what the client answers a server that asks; without them it declares
nothing), steps. Each step gives one line of JSON on stdout, in order. The first line tells what the client negotiated.
"""

import asyncio
import json
import sys
from typing import Any

from mcp import ClientSession, types
from mcp.client.streamable_http import streamablehttp_client
from mcp.shared.exceptions import McpError

script = json.load(sys.stdin)
answers = script.get("answers")
logs: list[Any] = []


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


def plain(model: Any) -> Any:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def elicited(context: Any, params: Any) -> types.ElicitResult:
    return types.ElicitResult(action="accept", content=answers["elicitation"])


async def sampled(context: Any, params: Any) -> types.CreateMessageResult:
    text = types.TextContent(type="text", text=answers["sampling"])
    return types.CreateMessageResult(role="assistant", content=text, model="none")


async def logged(params: types.LoggingMessageNotificationParams) -> None:
    logs.append(params.data)


async def run_list(client: ClientSession, step: dict[str, Any]) -> dict[str, Any]:
    tools, cursor = [], None
    while True:
        page = await client.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
        tools += [plain(tool) for tool in page.tools]
        cursor = page.nextCursor
        if cursor is None:
            return {"tools": tools}


async def run_call(client: ClientSession, step: dict[str, Any]) -> dict[str, Any]:
    progress: list[Any] = []

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        progress.append({"progress": done, "total": total, "message": message})

    result = await client.call_tool(
        step["tool"],
        step.get("arguments", {}),
        progress_callback=on_progress if step.get("progress") else None,
    )
    called = {"result": plain(result), "progress": progress, "logs": list(logs)}
    logs.clear()
    return called


async def run_ping(client: ClientSession, step: dict[str, Any]) -> dict[str, Any]:
    await client.send_ping()
    return {}


async def run_set_level(client: ClientSession, step: dict[str, Any]) -> dict[str, Any]:
    await client.set_logging_level(step["level"])
    return {}


STEPS = {"list": run_list, "call": run_call, "ping": run_ping, "setLevel": run_set_level}


async def main() -> None:
    headers = {"Authorization": f"Bearer {script['token']}"}
    async with streamablehttp_client(script["url"], headers=headers) as (read, write, _):
        async with ClientSession(
            read,
            write,
            sampling_callback=sampled if answers else None,
            elicitation_callback=elicited if answers else None,
            logging_callback=logged,
        ) as client:
            begun = await client.initialize()
            say(
                op="connect",
                protocolVersion=begun.protocolVersion,
                server=plain(begun.serverInfo),
                capabilities=plain(begun.capabilities),
            )
            for step in script["steps"]:
                try:
                    say(op=step["op"], **await STEPS[step["op"]](client, step))
                except McpError as error:
                    say(op=step["op"], error=plain(error.error))
            # Leaving ends the session, with DELETE.


asyncio.run(main())
