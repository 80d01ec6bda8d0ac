"""An installation of Onedoor as docs/serve.md makes it."""

import json
import os
import subprocess
from pathlib import Path

from client import Http
from process import Background, free_port, until

REALM = "acme"
SERVER = "ledger"


class Installation:
    """Folders, addresses and certificates, and the environment that the page's blocks run in."""

    def __init__(self, binary: Path, keycloak_url: str, keycloak_bin: Path, folder: Path) -> None:
        self.binary, self.folder = binary, folder
        self.etc, self.state = folder / "etc", folder / "state"
        self.etc.mkdir()
        data, admin = free_port(), free_port()
        self.public, self.admin = f"https://localhost:{data}", f"https://localhost:{admin}"
        self.authority = folder / "ca.crt"
        self._make_authority()
        self.renew_certificate()
        self.http = Http(str(self.authority))
        self.door: Background | None = None
        links = folder / "bin"
        links.mkdir()
        (links / "onedoor").symlink_to(binary)
        self.env = os.environ | {
            "PATH": f"{links}:{keycloak_bin}:{os.environ['PATH']}",
            # Where kcadm.sh keeps its session.
            "HOME": str(folder),
            "SSL_CERT_FILE": str(self.authority),
            "HOST": "localhost",
            "PUBLIC_URL": self.public,
            "ADMIN_URL": self.admin,
            "LISTEN": f"127.0.0.1:{data}",
            "ADMIN_LISTEN": f"127.0.0.1:{admin}",
            "ETC": str(self.etc),
            "STATE": str(self.state),
            "INTERNAL_NETWORKS": '"127.0.0.0/8"',
            "KEYCLOAK": keycloak_url,
            "REALM": REALM,
            "SERVER": SERVER,
            "MANIFEST": str(folder / "manifest.json"),
        }

    def start(self) -> None:
        config = str(self.etc / "onedoor.toml")
        self.door = Background([str(self.binary), "serve", "--config", config], self.env, self.folder / "onedoor.log")
        until("the door", self._answers)

    def stop(self) -> None:
        assert self.door
        code = self.door.stop()
        assert code == 0, f"the door ended with {code}:\n{self.log()[-4000:]}"

    def log(self) -> str:
        return (self.folder / "onedoor.log").read_text()

    def _answers(self) -> bool | None:
        assert self.door
        self.door.alive()
        try:
            return self.http.ask(f"{self.public}/livez")[0] == 200 or None
        except OSError:
            return None

    def _make_authority(self) -> None:
        self._openssl(
            *"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=serve-test".split(),
            *["-keyout", str(self.folder / "ca.key"), "-out", str(self.authority)],
        )

    def renew_certificate(self) -> None:
        """A new pair, put in place as docs/serve.md has certbot do it."""
        request, certificate, key = (self.folder / name for name in ("tls.csr", "tls.crt", "tls.key"))
        self._openssl(
            *"req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost".split(),
            *["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(request)],
        )
        self._openssl(
            *"x509 -req -days 30 -copy_extensions copy".split(),
            *["-CA", str(self.authority), "-CAkey", str(self.folder / "ca.key")],
            *["-in", str(request), "-out", str(certificate)],
        )
        for file in (certificate, key):
            file.replace(self.etc / file.name)

    def served_certificate(self) -> str:
        """The serial of the certificate that the data plane serves."""
        address = self.public.removeprefix("https://")
        shown = self._openssl("s_client", "-connect", address, "-servername", "localhost")
        return self._openssl("x509", "-noout", "-serial", stdin=shown)

    def renewed_certificate(self) -> str:
        return self._openssl("x509", "-noout", "-serial", "-in", str(self.etc / "tls.crt"))

    @staticmethod
    def _openssl(*args: str, stdin: str = "") -> str:
        return subprocess.run(["openssl", *args], input=stdin, text=True, check=True, capture_output=True).stdout


class Upstream:
    """An MCP server that takes Token B and nothing else, and its manifest."""

    def __init__(self, installation: Installation) -> None:
        here = Path(__file__).parents[1]
        audience, scope = f"api://{SERVER}", f"{SERVER}.use"
        log = installation.folder / "ledger.log"
        self.journal = installation.folder / "journal"
        self.server = Background(
            [
                str(here / ".venv/bin/python"),
                str(here / "upstreams/ledger.py"),
                *[installation.public, audience, scope, str(self.journal)],
            ],
            installation.env,
            log,
        )
        ready = until("the upstream", lambda: next(iter(self._lines(log)), None))
        manifest = {
            "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
            "name": f"dev.onedoor.tests/{SERVER}",
            "description": "A server of the serve test",
            "version": "1.0.0",
            "remotes": [{"type": "streamable-http", "url": f"http://127.0.0.1:{ready['port']}/mcp"}],
            "_meta": {
                "dev.onedoor/server": {
                    "slug": SERVER,
                    "owner": "team",
                    "audience": audience,
                    "requiredScope": scope,
                    "strategy": "gateway-issued",
                    "tools": ready["tools"],
                }
            },
        }
        Path(installation.env["MANIFEST"]).write_text(json.dumps(manifest))

    def _lines(self, log: Path) -> list[dict]:
        self.server.alive()
        return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
