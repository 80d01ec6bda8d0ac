"""The blocks of docs/serve.md: a block that begins with ```sh step=NAME belongs to the step of that name."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/serve.md"


def step(name: str) -> str:
    """All blocks of a step, in order, as one script."""
    blocks = re.findall(rf"^```sh step={name}$\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert blocks, f"docs/serve.md has no step {name}"
    return "\n".join(blocks)


def unit() -> str:
    """The systemd unit."""
    (block,) = re.findall(r"^```ini$\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return block
