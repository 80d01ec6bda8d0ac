"""Brings up docker-compose.yml as docs/compose.md says, uses it as people do, and sees that what the page says comes true.

With DOCKER_HOST and the images, as tests/compose/run.sh has them.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/serve"))

import page  # noqa: E402
from browser import Browser  # noqa: E402
from client import VERSION, Assistant, Http  # noqa: E402
from process import PATIENCE, Background, script, until  # noqa: E402

PAGE = [ROOT / "docs/compose.md"]
SECRETS = ROOT / "deploy/compose/secrets"
DOOR, PROMETHEUS = "http://localhost:8080", "http://localhost:9090"
FINANCE = f"{DOOR}/servers/finance/mcp"
# Their own start scripts write beside the program.
WRITABLE = {"kafka", "keycloak"}
GATEWAYS = ["gateway-1", "gateway-2"]


def compose(*args: str, given: str = "", **more: str) -> str:
    command, env = ["docker", "compose", *args], os.environ | more
    done = subprocess.run(command, cwd=ROOT, env=env, input=given, text=True, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, f"docker compose {' '.join(args)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def containers() -> dict[str, dict[str, Any]]:
    """What the engine says of each service's container, those that ended too."""
    ids = compose("ps", "--all", "--quiet").split()
    shown = json.loads(subprocess.run(["docker", "inspect", *ids], check=True, capture_output=True, text=True).stdout)
    return {container["Config"]["Labels"]["com.docker.compose.service"]: container for container in shown}


def expressions(value: Any) -> list[str]:
    """Every `expr` of the dashboard, however deep."""
    if isinstance(value, dict):
        return [text for key, text in value.items() if key == "expr"] + [e for v in value.values() for e in expressions(v)]
    return [e for v in value for e in expressions(v)] if isinstance(value, list) else []


class Calls(threading.Thread):
    """Somebody who calls all the time."""

    def __init__(self, assistant: Assistant) -> None:
        super().__init__()
        self.assistant, self.enough = assistant, threading.Event()
        self.succeeded, self.stale, self.failed, self.slowest = 0, 0, [], 0.0
        self.start()

    def run(self) -> None:
        while not self.enough.is_set():
            begin = time.monotonic()
            try:
                answer = self.assistant.call("get_balance", account="operating")
            except (OSError, ValueError, LookupError) as error:
                # No answer, or one that is not the door's.
                self.failed.append(error)
                continue
            if isinstance(answer, dict) and not answer.get("isError"):
                self.succeeded += 1
                self.slowest = max(self.slowest, time.monotonic() - begin)
            elif isinstance(answer, tuple) and answer[1]["data"]["reason"] == "stale":
                self.stale += 1
            else:
                self.failed.append(answer)

    def end(self) -> None:
        self.enough.set()
        self.join()
        told = f"{self.succeeded} calls succeeded, the slowest in {self.slowest:.1f} s"
        told += f", {self.stale} met a gateway that was held up, {len(self.failed)} failed"
        print(f"   {told}", flush=True)
        assert not self.failed, f"{told}: {self.failed[:5]}"
        # On a machine with too much to do, a gateway is held up now and then for longer than its lease lasts.
        assert self.succeeded > 20 and self.stale * 50 < self.succeeded, told


class Story:
    """What the page's reader does, chapter by chapter."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.http = folder, Http()
        self.password = (SECRETS / "demo-password").read_text()

    def chapters(self) -> list:
        return [
            self.rules_and_configurations_are_understood,
            self.it_starts,
            self.nothing_has_more_rights_than_it_needs,
            self.a_first_admin_registers_a_server,
            self.an_assistant_signs_in_and_calls,
            self.the_official_clients_call,
            self.answers_stream_through_the_load_balancer,
            self.to_others_it_does_not_exist,
            self.the_record_tells_who_called,
            self.prometheus_sees_all_of_it,
            self.a_trace_arrives,
            self.a_disabled_server_is_refused_by_both_gateways,
            self.a_limit_counts_at_both_gateways_together,
            self.gateways_restart_and_calls_go_on,
            self.a_log_that_stands_still_is_latency,
            self.no_secret_was_told,
            self.it_stops,
        ]

    def step(self, name: str, **more: str) -> str:
        return script(page.step(name, PAGE), os.environ | more, ROOT, patience=600)

    def rules_and_configurations_are_understood(self) -> None:
        compose("-f", "docker-compose.yml", "-f", "deploy/compose/three-brokers.yml", "config", "--quiet")
        tests = "deploy/prometheus/alerts.test.yml"
        # It writes what it tests with, and the root is read-only.
        room = ("--env", "TMPDIR=/prometheus", "--volume", f"{ROOT / tests}:/etc/prometheus/alerts.test.yml:ro")
        promtool = ("run", "--rm", "--no-deps", *room, "--entrypoint", "promtool")
        said = compose(*promtool, "prometheus", "check", "config", "/etc/prometheus/prometheus.yml")
        assert "rules found" in said, said
        compose(*promtool, "prometheus", "test", "rules", "/etc/prometheus/alerts.test.yml")
        told = (ROOT / tests).read_text()
        for alert in re.findall(r"alert: (\w+)", (ROOT / "deploy/prometheus/alerts.yml").read_text()):
            assert f'alertname="{alert}"' in told, f"no test shows when {alert} fires"

    def it_starts(self) -> None:
        self.step("start")
        for service, container in containers().items():
            state = container["State"]
            if service == "keys":
                assert state["ExitCode"] == 0, state
            else:
                assert state["Running"] and state.get("Health", {"Status": "healthy"})["Status"] == "healthy", (service, state)

    def nothing_has_more_rights_than_it_needs(self) -> None:
        for service, container in containers().items():
            host = container["HostConfig"]
            assert host["CapDrop"] == ["ALL"] and not host["CapAdd"] and not host["Privileged"], service
            assert host["SecurityOpt"] == ["no-new-privileges:true"], service
            assert host["Memory"] and host["NanoCpus"] and host["PidsLimit"], service
            assert host["ReadonlyRootfs"] == (service not in WRITABLE), service
            for ports in host["PortBindings"].values():
                assert [port["HostIp"] for port in ports] == ["127.0.0.1"], service
            if container["State"]["Running"]:
                asked = ["docker", "top", container["Id"], "-eo", "pid,uid"]
                _, *processes = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.splitlines()
                assert all(process.split()[1] != "0" for process in processes), f"{service} runs as root"

    def sign_in(self, user: str) -> str:
        """A token for the admin plane, by the page's own words."""
        told = Path(tempfile.mkstemp(dir=self.folder)[1])
        text = page.step("sign-in", PAGE) + "\nprintf '%s' \"$ONEDOOR_TOKEN\"\n"
        asking = Background(["bash", "-euo", "pipefail", "-c", text], dict(os.environ), told)
        line = until("the address to sign in at", lambda: next(iter(told.read_text().splitlines()), None))
        Browser(password=self.password).sign_in(line.split()[1], user)
        assert asking.process.wait(timeout=PATIENCE) == 0, told.read_text()
        return told.read_text().splitlines()[1]

    def a_first_admin_registers_a_server(self) -> None:
        self.admin = self.sign_in("admin")
        said = self.step("first-server", ONEDOOR_TOKEN=self.admin)
        assert re.search(r"finance\s.*live", said), said

    def assistant(self, user: str) -> Assistant:
        return Assistant(self.http, FINANCE, "onedoor-mcp", user, self.password)

    def an_assistant_signs_in_and_calls(self) -> None:
        self.analyst = self.assistant("analyst")
        assert "get_balance" in self.analyst.tools()
        answer = self.analyst.call("get_balance", account="operating")
        assert answer["structuredContent"]["actedFor"]["name"] == "Ana Lyst", answer

    def the_official_clients_call(self) -> None:
        reconcile = {"op": "call", "tool": "finance__reconcile_ledger", "arguments": {"entries": 3}, "progress": True}
        told = json.dumps({"url": f"{DOOR}/mcp", "token": self.analyst.token, "steps": [{"op": "list"}, reconcile]})
        # Of the stateless revision of MCP, and of the one with sessions, whose requests may go to either gateway.
        for environment, client in ((".venv", "client.py"), (".venv-1", "session.py")):
            command = [ROOT / "tests" / environment / "bin/python", ROOT / "tests/clients/python" / client]
            done = subprocess.run(command, input=told, text=True, capture_output=True, timeout=PATIENCE)
            assert done.returncode == 0, done
            _, listed, called = map(json.loads, done.stdout.splitlines())
            assert "finance__get_balance" in {tool["name"] for tool in listed["tools"]}, listed
            assert not called["result"].get("isError") and called["progress"], called

    def answers_stream_through_the_load_balancer(self) -> None:
        headers = [f"-H{name}: {value}" for name, value in self.reconciling().items()]
        for version, flag in (("1.1", "--http1.1"), ("2", "--http2-prior-knowledge")):
            body = json.dumps(self.reconciliation(entries=5, pauseMs=300))
            command = ["curl", "-sN", flag, "-w", "%{http_version}", "-d", body, *headers, FINANCE]
            seen = []
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as curl:
                for line in curl.stdout:
                    if line.startswith("data: {"):
                        seen.append(time.monotonic())
            assert line.strip() == version, line
            assert len(seen) == 6 and seen[4] - seen[0] > 0.9, f"progress came all at once: {seen}"

    def reconciling(self) -> dict[str, str]:
        """The headers of a call of the tool that reports its progress."""
        return {
            "Authorization": f"Bearer {self.analyst.token}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": VERSION,
            "Mcp-Method": "tools/call",
            "Mcp-Name": "reconcile_ledger",
        }

    @staticmethod
    def reconciliation(**arguments: int) -> dict[str, Any]:
        meta = {
            "progressToken": 1,
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        params = {"name": "reconcile_ledger", "arguments": arguments, "_meta": meta}
        return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}

    def to_others_it_does_not_exist(self) -> None:
        manager = self.assistant("manager")
        refused = manager.call("get_balance", account="operating")
        assert refused[1]["data"]["reason"] == "unknown_server", refused
        assert self.http.ask(f"{DOOR}/tools", manager.token)[2]["tools"] == []

    def the_record_tells_who_called(self) -> None:
        auditor = self.sign_in("auditor")

        def recorded() -> str | None:
            said = self.step("record", ONEDOOR_TOKEN=auditor)
            return said if "reconcile_ledger" in said and said.count("succeeded") >= 2 else None

        said = until("both calls in the audit", recorded)
        assert "Ana Lyst" in said and "get_balance" in said, said

    def ask_prometheus(self, expression: str) -> list:
        query = urllib.parse.urlencode({"query": expression.replace("$__rate_interval", "1m")})
        status, _, answer = self.http.ask(f"{PROMETHEUS}/api/v1/query?{query}")
        assert status == 200 and answer["status"] == "success", f"{expression}: {answer}"
        return answer["data"]["result"]

    def prometheus_sees_all_of_it(self) -> None:
        def up() -> bool | None:
            seen = sorted((found["metric"]["job"], found["value"][1]) for found in self.ask_prometheus("up"))
            return seen == [("gateway", "1"), ("gateway", "1"), ("load-balancer", "1"), ("projector", "1")] or None

        until("every target to be up", up)
        dashboard = json.loads((ROOT / "deploy/grafana/onedoor.json").read_text())
        asked = expressions(dashboard)
        assert len(asked) > 20, asked
        answers = {expression: self.ask_prometheus(expression) for expression in asked}
        serving = answers["sum(onedoor_lease_remaining_seconds > bool 0)"]
        assert serving[0]["value"][1] == "2", serving
        # Alerts that are not about what is yet to happen.
        _, _, alerts = self.http.ask(f"{PROMETHEUS}/api/v1/alerts")
        firing = [alert["labels"]["alertname"] for alert in alerts["data"]["alerts"] if alert["state"] == "firing"]
        assert not firing, firing

    def a_trace_arrives(self) -> None:
        trace = os.urandom(16).hex()
        headers = self.reconciling() | {"traceparent": f"00-{trace}-{os.urandom(8).hex()}-01"}
        status, _, _ = self.http.ask(FINANCE, body=self.reconciliation(entries=1), headers=headers)
        assert status == 200, status
        until("the trace", lambda: trace in compose("logs", "--no-log-prefix", "otel-collector") or None)

    def onedoor(self, *args: str, given: str = "") -> str:
        return compose("exec", "-T", "-e", "ONEDOOR_TOKEN", "gateway-1", "onedoor", *args, given=given, ONEDOOR_TOKEN=self.admin)

    def a_disabled_server_is_refused_by_both_gateways(self) -> None:
        # Tokens last five minutes, and the test may have taken longer until now.
        self.admin, self.analyst = self.sign_in("admin"), self.assistant("analyst")
        self.onedoor("server", "disable", "finance", "--reason", "looks compromised")
        for _ in range(10):
            refused = self.analyst.call("get_balance", account="operating")
            assert refused[1]["data"]["reason"] == "server_disabled", refused
        self.onedoor("server", "enable", "finance", "--reason", "false alarm")
        assert "content" in self.analyst.call("get_balance", account="operating")

    def a_limit_counts_at_both_gateways_together(self) -> None:
        self.limit({"perUser": {"perMinute": 1, "burst": 4}})
        answers = [self.analyst.call("get_balance", account="operating") for _ in range(12)]
        refused = [answer for answer in answers if isinstance(answer, tuple)]
        assert all(answer[1]["data"]["reason"] == "limited" for answer in refused), refused
        # One more may pass where all that took a minute; twice as many would, if each gateway counted by itself.
        assert 4 <= len(answers) - len(refused) <= 5, len(refused)
        self.limit({})

    def limit(self, limits: dict[str, Any]) -> None:
        settings = json.loads(self.onedoor("settings", "show", "--format", "json"))
        self.onedoor("settings", "set", "-", given=json.dumps(settings | {"rateLimits": limits}))

    def gateways_restart_and_calls_go_on(self) -> None:
        calls = Calls(self.assistant("analyst"))
        for gateway in GATEWAYS:
            compose("restart", gateway)
            until(f"{gateway} to be healthy", lambda: self.is_healthy(gateway) or None)
        calls.end()

    @staticmethod
    def is_healthy(service: str) -> bool:
        return containers()[service]["State"]["Health"]["Status"] == "healthy"

    def a_log_that_stands_still_is_latency(self) -> None:
        calls = Calls(self.assistant("analyst"))
        for _ in range(3):
            compose("pause", "kafka")
            # Longer than a lease, shorter than calls wait.
            time.sleep(1.5)
            compose("unpause", "kafka")
            before = calls.succeeded
            until("calls to go on", lambda: calls.succeeded > before + 20 or None)
        calls.end()
        assert calls.slowest > 1, f"no call noticed: the slowest took {calls.slowest} s"

    def no_secret_was_told(self) -> None:
        logs = compose("logs")
        configured = compose("config")
        # The demonstration users' password is in Keycloak's environment, which takes it in no other way.
        passwords = {file.name for file in SECRETS.glob("*-password")} - {"demo-password"}
        for secret in [*passwords, "cache.key"]:
            value = (SECRETS / secret).read_text()
            assert value not in logs, f"{secret} is in a log"
            assert value not in configured and value not in json.dumps(containers()), f"{secret} is in the configuration"
        assert self.analyst.token not in logs and self.admin not in logs, "a token is in a log"

    def it_stops(self) -> None:
        self.step("stop")
        assert compose("ps", "--all", "--quiet") == ""


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="onedoor-compose-"))
    passed = 0
    try:
        story = Story(folder)
        for chapter in story.chapters():
            begin = time.monotonic()
            chapter()
            passed += 1
            print(f"ok {chapter.__name__.replace('_', ' ')} ({time.monotonic() - begin:.1f} s)", flush=True)
    except BaseException:
        logs = folder / "services.log"
        logs.write_text(compose("logs", "--timestamps"))
        print(f"failed after {passed} steps; the services' words are in {logs}\n\n{passed} passed, 1 failed", flush=True)
        raise
    finally:
        compose("down", "--volumes", "--timeout", "20")
    shutil.rmtree(folder)
    print(f"\n{passed} passed, 0 failed")


main()
