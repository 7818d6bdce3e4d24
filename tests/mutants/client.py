"""The other end of `server`: one process, one question after the other."""

import json
import os
import subprocess
import sys
from typing import Any


class Server:
    """Starts the process at the first question."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def ask(self, site: str | None, killers: list[str], *, timeout_s: float = 60) -> dict[str, Any]:
        """Run killers on the mutant without `site`, or on the package as it is."""
        process = self._started()
        assert process.stdin is not None
        request = {"site": site, "killers": killers, "timeout_s": timeout_s}
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._line(process))
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _started(self) -> "subprocess.Popen[str]":
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "tests.mutants.server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            )
            assert self._line(self._process) == "ready\n"
        return self._process

    @staticmethod
    def _line(process: "subprocess.Popen[str]") -> str:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server ended with {process.wait()}")
        return line
