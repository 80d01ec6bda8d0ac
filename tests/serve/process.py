"""Processes that the test starts, and waiting for what they do."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

# How long something may take on a machine that has much else to do; whoever waits goes on as soon as it is there.
PATIENCE = 300.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what: str, seen: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """Waits until something is seen."""
    deadline = time.monotonic() + patience
    while (value := seen()) is None:
        assert time.monotonic() < deadline, f"waited {patience} s for {what}"
        time.sleep(0.1)
    return value


def script(text: str, env: dict[str, str], cwd: Path, patience: float = PATIENCE) -> str:
    """Runs a script that must succeed, and gives what it said."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text], env=env, cwd=cwd, text=True, capture_output=True, timeout=patience
    )
    assert done.returncode == 0, f"a step failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


class Background:
    """A process that runs beside the test, in a process group of its own, with its words in a file."""

    def __init__(self, command: list[str], env: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(command, env=env, stdout=out, stderr=out, start_new_session=True)

    def alive(self) -> None:
        code = self.process.poll()
        assert code is None, f"{self.process.args} ended with {code}:\n{self.log.read_text()[-4000:]}"

    def stop(self) -> int:
        """Asks it to end, and gives its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(timeout=PATIENCE)
        finally:
            self.kill()

    def kill(self) -> None:
        """Ends it and what it started."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
