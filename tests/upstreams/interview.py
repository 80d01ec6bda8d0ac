"""An MCP server made with the Python SDK's major version 1: of the session revisions, and one that asks its clients.

Prints one line of JSON once it listens: its port.
"""

import asyncio
import json

import uvicorn
from mcp.server.fastmcp import Context, FastMCP
from mcp.types import SamplingMessage, TextContent
from pydantic import BaseModel

server = FastMCP("interview", log_level="WARNING")


class Person(BaseModel):
    name: str


@server.tool()
async def greet(ctx: Context) -> str:
    """Asks the user for a name."""
    answer = await ctx.elicit("Who are you?", Person)
    return f"Hello {answer.data.name}" if answer.action == "accept" else answer.action


@server.tool()
async def summarize(text: str, ctx: Context) -> str:
    """Asks the client's model."""
    message = SamplingMessage(role="user", content=TextContent(type="text", text=text))
    answer = await ctx.session.create_message([message], max_tokens=10, related_request_id=ctx.request_id)
    return f"Summary: {answer.content.text}"


@server.tool()
async def count(steps: int, ctx: Context) -> int:
    """Counts, with a progress notification and a log message for each step."""
    for step in range(1, steps + 1):
        await ctx.report_progress(step, steps, f"step {step}")
        await ctx.info(f"counted {step}")
    return steps


async def main() -> None:
    config = uvicorn.Config(
        server.streamable_http_app(), host="127.0.0.1", port=0, log_level="warning", lifespan="on"
    )
    listening = uvicorn.Server(config)
    task = asyncio.create_task(listening.serve())
    while not listening.started:
        if task.done():
            return await task
        await asyncio.sleep(0.01)
    print(json.dumps({"port": listening.servers[0].sockets[0].getsockname()[1]}), flush=True)
    await task


asyncio.run(main())
