"""The blocks of the documentation: a block that begins with ```sh step=NAME belongs to the step of that name."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
# In the order in which they are followed.
PAGES = [DOCS / "identity-providers/keycloak.md", DOCS / "serve.md"]


def step(name: str, pages: list[Path] = PAGES) -> str:
    """All blocks of a step, in order, as one script."""
    blocks = re.findall(rf"^```sh step={name}$\n(.*?)^```$", text(pages), re.MULTILINE | re.DOTALL)
    assert blocks, f"there is no step {name}"
    return "\n".join(blocks)


def text(pages: list[Path] = PAGES) -> str:
    return "\n".join(page.read_text() for page in pages)


def unit() -> str:
    """The systemd unit."""
    (block,) = re.findall(r"^```ini$\n(.*?)^```$", text(), re.MULTILINE | re.DOTALL)
    return block


def entra() -> str:
    """The issuer of Entra ID, with ids in the places where a reader puts them."""
    page = (DOCS / "identity-providers/entra.md").read_text()
    (block,) = re.findall(r"^```toml$\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    for number, place in enumerate(["TENANT_ID", "DATA_APP", "ADMIN_APP", "MCP_APP", "your object id"]):
        block = block.replace(place, f"{number:08}-0000-4000-8000-000000000000")
    return block
