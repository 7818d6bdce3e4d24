"""Finding a state to read beside a writer that may publish at any moment.

A reader needs a manifest, its files and the log above it, all of one moment, and reads them one
after the other. Log frames that were written after a later manifest belong to that one: they may
be of a collection that this one does not know. So the manifest is looked at again when all else
was read, and only a state that was still the published one then is taken.
"""

from __future__ import annotations

from rank_retrieve.errors import CorruptionError, NotFound, ResourceExhausted
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence.directory import Directory
from rank_retrieve.persistence.files import MANIFEST
from rank_retrieve.persistence.recovery import Recovered, recover
from rank_retrieve.persistence.recovery_report import RecoveryReport

ATTEMPTS = 100  # each is lost to a publication of the writer


def recover_beside_writer(
    directory: Directory, *, report: RecoveryReport | None = None
) -> Recovered:
    """Steps 2 to 7 of recovery without the writer's lock, as of one moment. Changes nothing.

    report: the steps of the attempt that was taken are added to it.
    Raises NotFound when there is no index, FormatVersionError, CorruptionError for damage that
    no publication explains, ResourceExhausted when the writer publishes faster than we read.
    """
    report = RecoveryReport() if report is None else report
    done = len(report.steps)
    before = published(directory)
    for _ in range(ATTEMPTS):
        try:
            found = recover(directory, report=report)
        except (CorruptionError, NotFound):
            after = published(directory)
            if after == before:
                raise
        else:
            after = published(directory)
            if after == before:
                return found
        before = after
        del report.steps[done:]
    raise ResourceExhausted(
        "reader",
        f"the writer of {directory.path} published a new state during each of {ATTEMPTS} attempts",
        "try again",
    )


def published(directory: Directory) -> bytes | None:
    """The manifest's bytes, unread; None where there is none. Different for each generation."""
    try:
        return directory.read(MANIFEST, manifests.MAX_BYTES)
    except NotFound:
        return None
    except CorruptionError:  # far too large; whoever reads it will say so
        return b""
