"""A real Keycloak, with a realm and people in it."""

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from process import Background, free_port, until

PASSWORD = "correct horse"


class Keycloak:
    """Keycloak on loopback, with a database of its own."""

    def __init__(self, home: Path, folder: Path) -> None:
        port, management = free_port(), free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.bin = home / "bin"
        env = os.environ | {
            "KC_BOOTSTRAP_ADMIN_USERNAME": "admin",
            "KC_BOOTSTRAP_ADMIN_PASSWORD": PASSWORD,
            "JAVA_OPTS_KC_HEAP": "-Xms128m -Xmx512m",
            "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1",
        }
        database = f"jdbc:h2:file:{folder}/keycloak;NON_KEYWORDS=VALUE;DB_CLOSE_ON_EXIT=0"
        self.server = Background(
            [
                str(self.bin / "kc.sh"),
                "start",
                "--optimized",
                "--cache=local",
                "--http-enabled=true",
                "--http-host=127.0.0.1",
                f"--http-port={port}",
                f"--http-management-port={management}",
                f"--hostname={self.url}",
                f"--db-url={database}",
            ],
            env,
            folder / "keycloak.log",
        )
        until("Keycloak", self._answers)

    def _answers(self) -> bool | None:
        self.server.alive()
        try:
            with urllib.request.urlopen(f"{self.url}/realms/master"):
                return True
        except (urllib.error.URLError, ConnectionError):
            return None

    def make_realm(self, realm: str, people: dict[str, list[str]]) -> None:
        """A realm with people and the groups they are in."""
        groups = sorted({group for groups in people.values() for group in groups})
        users = [
            {
                "username": name,
                "enabled": True,
                "email": f"{name}@example.com",
                "emailVerified": True,
                "firstName": name.title(),
                "lastName": "Example",
                "groups": [f"/{group}" for group in groups],
                "credentials": [{"type": "password", "value": PASSWORD}],
            }
            for name, groups in people.items()
        ]
        # Tokens outlast the test, however slow it is.
        body = {"realm": realm, "enabled": True, "accessTokenLifespan": 7200, "groups": [{"name": name} for name in groups]}
        self._admin("POST", "/admin/realms", body)
        for user in users:
            self._admin("POST", f"/admin/realms/{realm}/users", user)

    def _admin(self, method: str, path: str, body: object) -> None:
        form = {"client_id": "admin-cli", "grant_type": "password", "username": "admin", "password": PASSWORD}
        token_url = f"{self.url}/realms/master/protocol/openid-connect/token"
        with urllib.request.urlopen(token_url, urllib.parse.urlencode(form).encode()) as answer:
            token = json.load(answer)["access_token"]
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers, method=method)
        with urllib.request.urlopen(request):
            pass
