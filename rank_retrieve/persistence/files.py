"""What the files of a database are called, and what a name says.

    name                    kind         published by
    manifest                manifest     itself: `manifest.publish` replaces it
    lock                    lock         nobody; taken by the writer, never removed
    wal-NNNNNNNNNN.log      wal          the manifest's `wal_number`: this one and all above
    segment-NNNNNNNNNN.rrs  segment      the manifest
    deletions-NNNNNNNNNN.rrs deletions   the manifest
    encoder-NNNNNNNNNN.rrs  encoder      the manifest
    checkpoint              checkpoint   nobody; says that this folder is a checkpoint
    quarantine-NAME-OFFSET  quarantine   nobody; set aside by recovery, for people to look at
    *.tmp                   temporary    nobody; removed by recovery

Numbers have ten digits or more and are never reused. Whatever else is found is left alone.
"""

from __future__ import annotations

import re

MANIFEST = "manifest"
LOCK = "lock"
CHECKPOINT = "checkpoint"
PUBLISHED_KINDS = ("segment", "deletions", "encoder")

_NUMBERED = re.compile(
    r"(?:(wal)-(\d{10,18})\.log|(segment|deletions|encoder)-(\d{10,18})\.rrs)\Z", re.ASCII
)


def wal_name(number: int) -> str:
    """The log file of this number."""
    return f"wal-{number:010d}.log"


def segment_name(number: int) -> str:
    """The segment of this number."""
    return f"segment-{number:010d}.rrs"


def deletions_name(number: int) -> str:
    """The deletion generation of this number."""
    return f"deletions-{number:010d}.rrs"


def encoder_name(number: int) -> str:
    """The stored encoder of this number."""
    return f"encoder-{number:010d}.rrs"


def quarantine_name(name: str, offset: int) -> str:
    """Where the bytes of `name` from `offset` on are set aside."""
    return f"quarantine-{name}-{offset}"


def parse_name(name: str) -> tuple[str, int]:
    """Kind and number of a file name; kind "unknown" for a name of none of ours.

    The number is 0 for kinds without one. Spellings with surplus zeros are unknown, so that
    one number has one name.
    """
    if name in (MANIFEST, LOCK, CHECKPOINT):
        return name, 0
    if name.endswith(".tmp"):
        return "temporary", 0
    if name.startswith("quarantine-"):
        return "quarantine", 0
    if match := _NUMBERED.match(name):
        kind, digits = match[1] or match[3], match[2] or match[4]
        if len(digits) == 10 or digits[0] != "0":
            return kind, int(digits)
    return "unknown", 0
