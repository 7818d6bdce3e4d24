"""Which files of a directory belong to the published state, and what the others are."""

from __future__ import annotations

from dataclasses import dataclass, fields

from rank_retrieve.persistence.directory import Directory
from rank_retrieve.persistence.files import PUBLISHED_KINDS, parse_name
from rank_retrieve.persistence.manifest import Manifest


@dataclass(frozen=True)
class Inventory:
    """File names by what they are, each sorted.

    published: named by the manifest, or log files that it needs, and itself.
    temporary: a write that did not get as far as its rename.
    unpublished: finished or not, no manifest names them (yet).
    obsolete: log files below the manifest's `wal_number`.
    quarantined: set aside by an earlier recovery.
    unknown: not ours.
    """

    published: tuple[str, ...] = ()
    temporary: tuple[str, ...] = ()
    unpublished: tuple[str, ...] = ()
    obsolete: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def orphans(self) -> tuple[str, ...]:
        """What may be deleted once the manifest is durable."""
        return self.temporary + self.unpublished + self.obsolete

    def counts(self) -> dict[str, int]:
        """How many there are of each."""
        return {field.name: len(getattr(self, field.name)) for field in fields(self)}


def take_inventory(directory: Directory, manifest: Manifest | None) -> Inventory:
    """Sort the files of a directory; without a manifest, no log file is needed."""
    published = {file.name for file in manifest.files()} if manifest else set()
    found: dict[str, list[str]] = {field.name: [] for field in fields(Inventory)}
    for name in directory.list():
        found[_role(name, manifest, published)].append(name)
    return Inventory(**{role: tuple(names) for role, names in found.items()})


def _role(name: str, manifest: Manifest | None, published: set[str]) -> str:
    kind, number = parse_name(name)
    if kind in PUBLISHED_KINDS:
        return "published" if name in published else "unpublished"
    if kind == "wal":
        needed = manifest is not None and number >= manifest.wal_number
        return "published" if needed else "obsolete"
    return ROLES[kind]


ROLES = {
    "manifest": "published",
    "lock": "published",
    "checkpoint": "published",
    "temporary": "temporary",
    "quarantine": "quarantined",
    "unknown": "unknown",
}
