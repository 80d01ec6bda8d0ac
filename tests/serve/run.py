"""Follows docs/serve.md with a real Keycloak, and sees that what it says comes true.

    run.py KEYCLOAK_HOME          with ONEDOOR_BIN
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import page
from browser import Browser
from client import Assistant
from door import REALM, SERVER, Installation, Upstream
from keycloak import PASSWORD, Keycloak
from process import PATIENCE, Background, script, until

# Names, and the groups they are in.
PEOPLE = {"ann": [], "aud": ["Auditors"], "fin": ["Finance Team", "Everybody"], "bob": ["Everybody"]}


def main() -> None:
    home, binary = Path(sys.argv[1]).absolute(), Path(os.environ["ONEDOOR_BIN"]).absolute()
    folder = Path(tempfile.mkdtemp(prefix="onedoor-serve-"))
    story = Story(home, binary, folder)
    passed = 0
    try:
        for chapter in story.chapters():
            begin = time.monotonic()
            chapter()
            passed += 1
            print(f"ok {chapter.__name__.replace('_', ' ')} ({time.monotonic() - begin:.1f} s)", flush=True)
    except BaseException:
        print(f"failed after {passed} steps; everything is in {folder}\n\n{passed} passed, 1 failed", flush=True)
        raise
    finally:
        story.end()
    shutil.rmtree(folder)
    print(f"\n{passed} passed, 0 failed")


class Story:
    """What the page's reader does, chapter by chapter."""

    def __init__(self, home: Path, binary: Path, folder: Path) -> None:
        self.running: list = []
        self.keycloak = Keycloak(home, folder)
        self.running.append(self.keycloak.server)
        self.keycloak.make_realm(REALM, PEOPLE)
        self.site = Installation(binary, self.keycloak.url, self.keycloak.bin, folder)

    def chapters(self) -> list:
        return [
            self.the_unit_is_understood,
            self.the_issuer_of_entra_is_understood,
            self.a_configuration_at_fault_starts_nothing,
            self.keycloak_is_registered_and_the_configuration_is_good,
            self.the_door_opens,
            self.the_first_admin_signs_in_and_registers_a_server,
            self.members_call_and_others_see_nothing,
            self.roles_come_from_keycloak,
            self.the_record_tells_who_called,
            self.a_new_certificate_is_served,
            self.a_restart_goes_on,
            self.a_backup_is_made_while_it_runs,
            self.a_restored_log_serves_nothing_until_it_is_accepted,
        ]

    def end(self) -> None:
        for process in self.running + ([self.site.door] if self.site.door else []):
            process.kill()

    def run(self, text: str, **more: str) -> str:
        return script(text, self.site.env | more, self.site.folder)

    def the_unit_is_understood(self) -> None:
        verify = shutil.which("systemd-analyze")
        assert verify, "systemd-analyze is missing"
        unit = self.site.folder / "onedoor.service"
        unit.write_text(page.unit().replace("/usr/local/bin/onedoor", str(self.site.binary)))
        done = subprocess.run([verify, "verify", str(unit)], text=True, capture_output=True)
        assert done.returncode == 0 and "onedoor.service" not in done.stderr, done.stderr

    def the_issuer_of_entra_is_understood(self) -> None:
        config = self.site.etc / "entra.toml"
        config.write_text('publicUrl = "https://onedoor.example.com"\n' + page.entra())
        said = self.run(f"onedoor check-config --config {config} --data {self.site.state}")
        assert "issuers: entra" in said and "first admins: user " in said, said

    def a_configuration_at_fault_starts_nothing(self) -> None:
        config = self.site.etc / "onedoor.toml"
        config.write_text(f'data = "{self.site.state}"\npublicUrl = "http://onedoor.example"\n[dataPlan]\n')
        done = subprocess.run(
            [self.site.binary, "serve", "--config", config, "--listen", "0.0.0.0:1"],
            text=True,
            capture_output=True,
            env=self.site.env,
        )
        assert done.returncode == 64, done
        for told in (
            f"{config}:2: publicUrl: is http",
            f"{config}:3: dataPlan: is not known here",
            "did you mean `dataPlane`?",
            "--listen: dataPlane.listen: 0.0.0.0:1 is not on loopback",
        ):
            assert told in done.stderr, done.stderr
        assert not self.site.state.exists()

    def keycloak_is_registered_and_the_configuration_is_good(self) -> None:
        sign_in = (
            'kcadm.sh config credentials --server "$KEYCLOAK" --realm master --user admin --password "$KC_PASSWORD"\n'
        )
        said = self.run(
            sign_in + page.step("keycloak") + page.step("config"),
            KC_PASSWORD=PASSWORD,
            ADMIN_NAME="ann",
            AUDITOR_NAME="aud",
        )
        assert said.splitlines()[0] == "ok", said
        assert "issuers: keycloak" in said and "first admins: user " in said, said

    def the_door_opens(self) -> None:
        self.site.start()
        status, headers, _ = self.site.http.ask(f"{self.site.public}/livez")
        assert status == 200 and headers["strict-transport-security"] == "max-age=31536000", headers
        upstream = Upstream(self.site)
        self.running.append(upstream.server)

    def sign_in(self, user: str) -> str:
        """An administrator's token, by the page's own words."""
        text = page.step("sign-in") + "\nprintf '%s' \"$ONEDOOR_TOKEN\"\n"
        told = self.site.folder / f"sign-in-{len(self.running)}.log"
        asking = Background(["bash", "-euo", "pipefail", "-c", text], self.site.env, told)
        self.running.append(asking)
        line = until("the address to sign in at", lambda: next(iter(told.read_text().splitlines()), None))
        Browser().sign_in(line.split()[1], user)
        assert asking.process.wait(timeout=PATIENCE) == 0
        return told.read_text().splitlines()[1]

    def admin(self, text: str, token: str) -> str:
        return self.run(text, ONEDOOR_TOKEN=token, ONEDOOR_ADMIN_URL=self.site.admin)

    def the_first_admin_signs_in_and_registers_a_server(self) -> None:
        self.ann = self.sign_in("ann")
        self.admin(page.step("first-server"), self.ann)
        history = self.admin(f"onedoor server history {SERVER} --format json", self.ann)
        assert "as first admin by the bootstrap file: its owner and its address are known" in history, history
        assert "a first admin by the bootstrap file" in self.site.log()

    def members_call_and_others_see_nothing(self) -> None:
        endpoint = f"{self.site.public}/servers/{SERVER}/mcp"
        self.fin = Assistant(self.site.http, endpoint, "onedoor-mcp", "fin")
        assert sorted(self.fin.tools()) == ["count", "echo", "fail", "whoami"]
        self.calls()
        claims = self.fin.call("whoami")["structuredContent"]
        assert claims["iss"] == self.site.public and claims["aud"] == f"api://{SERVER}", claims
        listed = self.site.http.ask(f"{self.site.public}/tools", self.fin.token)[2]
        assert {tool["server"] for tool in listed["tools"]} == {SERVER}, listed

        bob = Assistant(self.site.http, endpoint, "onedoor-mcp", "bob")
        nowhere = Assistant(self.site.http, endpoint.replace(SERVER, "nowhere"), "onedoor-mcp", "bob")
        (_, refused), (_, unknown) = (of.call("echo", text="hello") for of in (bob, nowhere))
        for error in (refused, unknown):
            del error["data"]["callId"]
        assert refused == unknown and refused["data"]["reason"] == "unknown_server", refused
        assert self.site.http.ask(f"{self.site.public}/tools", bob.token)[2]["tools"] == []

        for url, token in ((f"{self.site.admin}/api/v1/servers", self.fin.token), (f"{self.site.public}/tools", self.ann)):
            status, _, _ = self.site.http.ask(url, token)
            assert status == 401, f"{url}: a token for the other plane is taken"

    def calls(self) -> None:
        answer = self.fin.call("echo", text="hello")
        assert answer["content"][0]["text"] == "hello", answer

    def roles_come_from_keycloak(self) -> None:
        auditor = self.sign_in("aud")
        status, _, servers = self.site.http.ask(f"{self.site.admin}/api/v1/servers", auditor)
        assert status == 200 and servers["servers"][0]["slug"] == SERVER, servers
        status, _, _ = self.site.http.ask(f"{self.site.admin}/api/v1/servers", auditor, body={})
        assert status == 403, status
        self.auditor = auditor

    def the_record_tells_who_called(self) -> None:
        record = self.admin(page.step("record"), self.auditor)
        assert "echo" in record and "succeeded" in record and "Fin Example" in record, record

    def a_new_certificate_is_served(self) -> None:
        before = self.site.served_certificate()
        self.site.renew_certificate()
        after = self.site.renewed_certificate()
        assert before != after
        until("the new certificate", lambda: self.site.served_certificate() == after or None)
        self.calls()

    def a_restart_goes_on(self) -> None:
        revision = self.revision()
        self.site.stop()
        self.site.start()
        self.calls()
        assert self.revision() == revision, "a restart changed the registry"
        assert "differs from the registry" not in self.site.log()

    def a_backup_is_made_while_it_runs(self) -> None:
        self.backup = str(self.site.folder / "backup")
        said = self.run(page.step("backup"), BACKUP=self.backup)
        assert "every hash chain in it holds" in said, said
        self.calls()
        # Lost with the restore: a block would be, too.
        self.admin(f"onedoor server disable {SERVER}", self.sign_in("ann"))
        refused = self.fin.call("echo", text="hello")
        assert refused[1]["data"]["reason"] == "server_disabled", refused

    def a_restored_log_serves_nothing_until_it_is_accepted(self) -> None:
        in_use = subprocess.run(
            [self.site.binary, "restore", self.backup, "--data", self.site.state, "--replace"],
            text=True,
            capture_output=True,
        )
        assert in_use.returncode == 1 and "in use" in in_use.stderr, in_use
        self.site.stop()
        said = self.run(page.step("restore"), BACKUP=self.backup)
        # The call's two events; the end of the boot is the third, where the projection came to see it.
        assert re.search("lost: 1 events of the registry and [23] of the audit", said), said
        self.site.start()
        refused = self.fin.call("echo", text="hello")
        assert refused[1]["data"]["reason"] == "restore_not_accepted", refused
        assert self.site.http.ask(f"{self.site.public}/tools", self.fin.token)[0] == 503
        ann = self.sign_in("ann")
        shown = self.admin(page.step("accept-restore"), ann)
        assert "nothing, until a Security.Admin accepts" in shown, shown
        self.calls()

    def revision(self) -> str:
        _, headers, _ = self.site.http.ask(f"{self.site.admin}/api/v1/servers", self.auditor)
        return headers["onedoor-revision"]


main()
