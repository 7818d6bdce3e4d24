"""What a repair did: for people as text, for programs as a dict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class RepairReport:
    """What a repair saved, and what it could not.

    documents: in each collection of the new database. lost: what is not in it. uncertain:
        what may be other than it was. unproven: ids of documents whose bytes no checksum
        vouches for, by collection. log_frames: frames of the log that were replayed.
    """

    source: str
    target: str
    documents: dict[str, int] = field(default_factory=dict)
    log_frames: int = 0
    lost: list[str] = field(default_factory=list)
    uncertain: list[str] = field(default_factory=list)
    unproven: dict[str, list[str]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether everything that was committed is known to be there."""
        return not (self.lost or self.uncertain or self.unproven)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return {
            "source": self.source,
            "target": self.target,
            "complete": self.complete,
            "documents": dict(self.documents),
            "log_frames": self.log_frames,
            "lost": list(self.lost),
            "uncertain": list(self.uncertain),
            "unproven": {name: list(ids) for name, ids in self.unproven.items()},
        }

    def __str__(self) -> str:
        saved = ", ".join(f"{n:,} in {name}" for name, n in self.documents.items()) or "nothing"
        lines = [f"saved into {self.target}: {saved}; {self.log_frames:,} frames of the log"]
        lines += [f"  lost: {line}" for line in self.lost]
        lines += [f"  uncertain: {line}" for line in self.uncertain]
        lines += [
            f"  unproven: {len(ids):,} documents of {name}, such as {ids[0]!r}"
            for name, ids in self.unproven.items()
        ]
        if self.complete:
            lines.append("  nothing was lost")
        return "\n".join(lines)
