"""Who may call what, judged by nothing but raw manifests, grants, blocks, issuers and token claims.

Written from the words of the design; shares no code with the product, not even its language. Reads questions from stdin, one
line of JSON each, and answers each with one line:

    {"begin": true}                     a new world, where nothing is registered
    {"do": [event, ...]}                things that were done, in order
    {"ask": {"callers": [claims, ...], "slugs": [...], "tools": [...]}}

The answer to "ask" is a list with one text per caller: for every slug, stage (production, qa) and tool, in this order, "1" if the
caller may call the tool, else "0". The others are answered with the number of events that had an effect.

ORACLE_BUG makes the oracle wrong in one way: the test that plants it must notice.
"""

import json
import os
import sys
from datetime import datetime

BUG = os.environ.get("ORACLE_BUG", "")
STAGES = ("production", "qa")


class Server:
    def __init__(self, slug):
        self.slug = slug
        self.versions = []
        self.promoted = None
        self.disabled = False
        self.disabled_tools = set()


class Version:
    def __init__(self, manifest):
        part = manifest["_meta"]["dev.onedoor/server"]
        self.slug = part["slug"]
        self.tools = {tool["name"] for tool in part["tools"]}
        if "http" in part:
            url = part["http"]["url"]
        else:
            url = next(remote["url"] for remote in manifest["remotes"] if remote["type"] == "streamable-http")
        # What a Security.Admin approves: whose tokens of which kind go where.
        self.tie = (part["owner"], url, part["audience"], part["strategy"], part["requiredScope"])
        self.approved = BUG == "approval_is_not_needed"


class World:
    def __init__(self):
        self.servers = {}
        self.issuers = {}
        self.grants = {}
        self.blocks = {}

    # What was done. Each says whether it had an effect.

    def register(self, event):
        version = Version(json.loads(event["manifest"]))
        if any(server.slug == version.slug for server in self.servers.values()):
            return False
        server = self.servers[event["server"]] = Server(version.slug)
        server.versions.append(version)
        return True

    def update(self, event):
        server = self.servers.get(event["server"])
        version = Version(json.loads(event["manifest"]))
        if server is None or server.slug != version.slug:
            return False
        in_use = [server.versions[-1]]
        if server.promoted is not None:
            in_use.append(server.versions[server.promoted - 1])
        if any(known.approved and known.tie == version.tie for known in in_use):
            version.approved = True
        server.versions.append(version)
        return True

    def approve(self, event):
        server = self.servers.get(event["server"])
        if server is None or not 1 <= event["version"] <= len(server.versions):
            return False
        server.versions[event["version"] - 1].approved = True
        return True

    def promote(self, event):
        server = self.servers.get(event["server"])
        if server is None or not 1 <= event["version"] <= len(server.versions):
            return False
        if not server.versions[event["version"] - 1].approved:
            return False
        server.promoted = event["version"]
        return True

    def disable(self, event):
        return self.set_disabled(event, True)

    def enable(self, event):
        return self.set_disabled(event, False)

    def set_disabled(self, event, disabled):
        server = self.servers.get(event["server"])
        if server is None:
            return False
        server.disabled = disabled
        return True

    def retire(self, event):
        if self.servers.pop(event["server"], None) is None:
            return False
        self.grants = {id: grant for id, grant in self.grants.items() if grant["server"] != event["server"]}
        return True

    def disable_tool(self, event):
        if not self.knows(event["server"], event["tool"]):
            return False
        self.servers[event["server"]].disabled_tools.add(event["tool"])
        return True

    def enable_tool(self, event):
        if not self.knows(event["server"], event["tool"]):
            return False
        self.servers[event["server"]].disabled_tools.discard(event["tool"])
        return True

    def trust(self, event):
        self.issuers[event["issuer"]["name"]] = event["issuer"]
        return True

    def distrust(self, event):
        return self.issuers.pop(event["name"], None) is not None

    def grant(self, event):
        grant = event["grant"]
        tool = grant.get("tool")
        known = grant["server"] in self.servers if tool is None else self.knows(grant["server"], tool)
        if not known or grant["id"] in self.grants or grant["issuer"] not in self.issuers:
            return False
        self.grants[grant["id"]] = grant
        return True

    def ungrant(self, event):
        return self.grants.pop(event["id"], None) is not None

    def block(self, event):
        block = event["block"]
        if block["id"] in self.blocks or block["issuer"] not in self.issuers:
            return False
        self.blocks[block["id"]] = block
        return True

    def unblock(self, event):
        return self.blocks.pop(event["id"], None) is not None

    def knows(self, server, tool):
        server = self.servers.get(server)
        return server is not None and any(tool in version.tools for version in server.versions)

    # What follows from it.

    def issuer_of(self, claims):
        """The trusted issuer of these claims, if it is certain which."""
        found = []
        for issuer in self.issuers.values():
            tenant = claims.get("tid")
            if tenant is None and len(issuer["tenants"]) == 1:
                tenant = issuer["tenants"][0]
            if tenant not in issuer["tenants"]:
                continue
            urls = [url.replace("{tenantid}", tenant) for url in issuer["urls"]]
            if claims["iss"] in urls:
                found.append((issuer, tenant))
        return found[0] if len(found) == 1 else None

    def principal(self, claims):
        """Who calls, or None: the claims are not a good token for the data plane."""
        issuer = self.issuer_of(claims)
        if issuer is None:
            return None
        issuer, tenant = issuer
        plane = issuer["data"]
        client = claims.get("azp", claims.get("appid"))
        if claims.get("azp", client) != claims.get("appid", client):
            return None
        if claims["aud"] not in plane["audiences"] or client not in plane["clients"]:
            return None
        if claims.get("_claim_names", {}).get("groups") or claims.get("hasgroups"):
            return None
        is_app = claims.get("idtyp") == "app"
        scope = plane.get("requiredScope")
        if scope and not is_app and scope not in claims.get("scp", "").split():
            return None
        return {
            "issuer": issuer["name"],
            "tenant": tenant,
            "user": None if is_app else claims["oid"],
            "client": client,
            "groups": set(claims.get("groups", [])),
            "roles": set(claims.get("roles", [])),
            "issued": claims["iat"],
        }

    def is_blocked(self, caller):
        for block in self.blocks.values():
            if block["issuer"] != caller["issuer"]:
                continue
            if block["target"] == "client":
                meant = block["client"] == caller["client"]
            else:
                meant = (block["tenant"], block["user"]) == (caller["tenant"], caller["user"])
            since = block.get("notBefore")
            if meant and not (since and caller["issued"] >= datetime.fromisoformat(since).timestamp()):
                return BUG != "blocks_do_nothing"
        return False

    def granted(self, caller):
        """(server, stage) -> the tools that the caller's grants reach; None stands for all."""
        reached = {}
        for grant in self.grants.values():
            if grant["issuer"] != caller["issuer"] and BUG != "issuers_are_one":
                continue
            if grant["tenant"] != caller["tenant"] and BUG != "tenants_are_one":
                continue
            holds = grant.get("group") in caller["groups"] or grant.get("role") in caller["roles"]
            if BUG == "groups_are_roles":
                holds = {grant.get("group"), grant.get("role")} & (caller["groups"] | caller["roles"])
            if not holds:
                continue
            tool = None if BUG == "one_tool_is_all_tools" else grant.get("tool")
            for stage in STAGES if BUG == "stages_are_one" else [grant["stage"]]:
                reached.setdefault((grant["server"], stage), set()).add(tool)
        return reached

    def callable(self, claims):
        """Every (slug, stage, tool) that the bearer of these claims may call."""
        caller = self.principal(claims)
        if caller is None or self.is_blocked(caller):
            return set()
        result = set()
        for (id, stage), tools in self.granted(caller).items():
            server = self.servers[id]
            number = len(server.versions) if stage == "qa" else server.promoted
            if server.disabled or number is None:
                continue
            version = server.versions[number - 1]
            if not version.approved:
                continue
            reached = version.tools if None in tools else version.tools & tools
            if BUG != "disabled_tools_are_served":
                reached = reached - server.disabled_tools
            result.update((server.slug, stage, tool) for tool in reached)
        return result


def main():
    world = World()
    for line in sys.stdin:
        question = json.loads(line)
        answer = 0
        if question.get("begin"):
            world = World()
        for event in question.get("do", []):
            answer += bool(getattr(world, event["kind"])(event))
        if "ask" in question:
            ask = question["ask"]
            asked = [(slug, stage, tool) for slug in ask["slugs"] for stage in STAGES for tool in ask["tools"]]
            callables = [world.callable(claims) for claims in ask["callers"]]
            answer = ["".join("01"[entry in callable] for entry in asked) for callable in callables]
        print(json.dumps(answer), flush=True)


main()
