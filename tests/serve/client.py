"""A client of the door, as an assistant is one: it finds the identity provider by itself, signs its user in, and calls."""

import base64
import hashlib
import json
import secrets
import ssl
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from browser import Arrived, Browser
from keycloak import PASSWORD

CALLBACK = "http://127.0.0.1:43123/callback"
VERSION = "2026-07-28"


class Http:
    """HTTP, with the test's certificate authority where there is one."""

    def __init__(self, authority: str | None = None) -> None:
        self.tls = ssl.create_default_context(cafile=authority)

    def ask(
        self, url: str, token: str | None = None, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, Any]:
        """Status, headers and JSON of an answer; the text where it is none."""
        sent = dict(headers or {})
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        data = None
        if body is not None:
            data, sent["content-type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(url, data, sent)
        tls = self.tls if url.startswith("https") else None
        try:
            with urllib.request.urlopen(request, context=tls) as answer:
                return answer.status, answer.headers, parsed(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, error.headers, parsed(error.read())


class Assistant:
    """An MCP client of one server's endpoint, signed in as one user."""

    def __init__(self, http: Http, endpoint: str, client: str, user: str, password: str = PASSWORD) -> None:
        self.http, self.endpoint, self.password = http, endpoint, password
        self.token = self._sign_in(client, user)

    def _sign_in(self, client: str, user: str) -> str:
        status, headers, _ = self.http.ask(self.endpoint, body={})
        assert status == 401, status
        metadata = headers["www-authenticate"].split('resource_metadata="')[1].split('"')[0]
        _, _, resource = self.http.ask(metadata)
        assert resource["resource"] == self.endpoint, resource
        (issuer,) = resource["authorization_servers"]
        _, _, provider = self.http.ask(f"{issuer}/.well-known/openid-configuration")
        assert provider["issuer"] == issuer, provider

        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": client,
            "redirect_uri": CALLBACK,
            "scope": " ".join(resource["scopes_supported"]),
            "state": secrets.token_urlsafe(16),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "resource": self.endpoint,
        }
        try:
            address = f"{provider['authorization_endpoint']}?{urllib.parse.urlencode(asked)}"
            page = Browser(CALLBACK, self.password).sign_in(address, user)
            raise AssertionError(f"{user} was not sent back:\n{page}")
        except Arrived as arrived:
            answer = arrived.query
        assert answer["state"] == asked["state"], answer
        form = {
            "grant_type": "authorization_code",
            "client_id": client,
            "code": answer["code"],
            "redirect_uri": CALLBACK,
            "code_verifier": verifier,
        }
        with urllib.request.urlopen(provider["token_endpoint"], urllib.parse.urlencode(form).encode()) as given:
            return json.load(given)["access_token"]

    def request(self, method: str, params: dict[str, Any]) -> Any:
        """What became of a request: its result, or its error."""
        meta = {
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        headers = {
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": VERSION,
            "mcp-method": method,
        }
        if "name" in params:
            headers["mcp-name"] = params["name"]
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params | {"_meta": meta}}
        status, _, answer = self.http.ask(self.endpoint, self.token, body, headers)
        if isinstance(answer, str):
            answer = json.loads(answer.strip().rsplit("data: ", 1)[1])
        return answer.get("result") or (status, answer.get("error"))

    def tools(self) -> list[str]:
        return [tool["name"] for tool in self.request("tools/list", {})["tools"]]

    def call(self, tool: str, **arguments: object) -> Any:
        return self.request("tools/call", {"name": tool, "arguments": arguments})


def parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
