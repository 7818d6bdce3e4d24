"""What a recovery did, step by step: for people as text, for programs as a dict."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class RecoveryStep:
    """One step: how long it took, its facts by name, and what it found to be out of order."""

    name: str
    seconds: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)


@dataclass
class RecoveryReport:
    """The steps taken, in order. `print(report)` shows it.

    clock: seconds that only go forward.
    """

    steps: list[RecoveryStep] = field(default_factory=list)
    clock: Callable[[], float] = field(default=time.perf_counter, repr=False)

    @contextmanager
    def step(self, name: str) -> Iterator[RecoveryStep]:
        """Time a block as one step; an error in it becomes a finding and goes on up."""
        step = RecoveryStep(name)
        self.steps.append(step)
        start = self.clock()
        try:
            yield step
        except BaseException as error:
            step.findings.append(f"{type(error).__name__}: {error}")
            raise
        finally:
            step.seconds = self.clock() - start

    @property
    def findings(self) -> list[str]:
        """Everything out of order, over all steps; empty after a clean shutdown."""
        return [finding for step in self.steps for finding in step.findings]

    @property
    def seconds(self) -> float:
        """Time taken by all steps."""
        return sum(step.seconds for step in self.steps)

    def to_dict(self) -> dict[str, Any]:
        """As plain dicts and lists, ready for JSON."""
        return {
            "seconds": self.seconds,
            "steps": [
                {
                    "name": step.name,
                    "seconds": step.seconds,
                    "facts": dict(step.facts),
                    "findings": list(step.findings),
                }
                for step in self.steps
            ],
        }

    def __str__(self) -> str:
        lines = [f"recovery in {self.seconds * 1000:.1f} ms"]
        for step in self.steps:
            facts = ", ".join(f"{name.replace('_', ' ')} {v}" for name, v in step.facts.items())
            lines.append(f"  {step.name:<10} {step.seconds * 1000:8.1f} ms  {facts}".rstrip())
            lines += [f"    ! {finding}" for finding in step.findings]
        return "\n".join(lines)
