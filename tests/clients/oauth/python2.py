"""`mcp` 2: its own OAuth client signs in, then lists and calls. Script on stdin, one JSON object as the answer."""

import asyncio
import json
import sys

import httpx2
from browser import click
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata


class Memory:
    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


async def main() -> None:
    script = json.load(sys.stdin)
    callback: dict[str, str] = {}

    async def redirect(url: str) -> None:
        callback.update(await asyncio.to_thread(click, url, script["user"]))

    async def called_back() -> AuthorizationCodeResult:
        return AuthorizationCodeResult(**callback)

    memory = Memory()
    metadata = OAuthClientMetadata(client_name="Python", redirect_uris=["http://127.0.0.1:9/callback"])
    auth = OAuthClientProvider(
        script["url"], metadata, memory, redirect, called_back, client_metadata_url=script.get("clientMetadataUrl")
    )
    async with httpx2.AsyncClient(auth=auth, timeout=60, trust_env=False) as http:
        async with Client(streamable_http_client(script["url"], http_client=http)) as client:
            tools = [tool.name for tool in (await client.list_tools()).tools]
            # The token is taken for one that has expired: the next request renews it.
            first = memory.tokens.access_token
            auth.context.token_expiry_time = 1
            result = await client.call_tool(script["tool"], {})
    print(
        json.dumps(
            {
                "clientId": memory.client.client_id,
                "tools": tools,
                "result": result.structured_content,
                "renewed": memory.tokens.access_token != first,
            }
        )
    )


asyncio.run(main())
