"""Which collections a damaged database had, from the best evidence there is.

    sound      the manifest holds; so does everything it says
    readable   its checksum does not hold, but its payload still reads as a manifest
    fragments  some collections in it still read
    older      a manifest that was never published, or that of a checkpoint
    none       only segments and logs are left: fields and types are guessed from them

Only the first two say which segments count. With the others, segments that nobody names are
taken in the order of their numbers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from rank_retrieve.errors import CorruptionError, NotFound, RankRetrieveError
from rank_retrieve.persistence import Directory
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence.checkpoints import checkpoints_of, open_checkpoint
from rank_retrieve.persistence.files import MANIFEST, parse_name
from rank_retrieve.persistence.manifest import CollectionEntry, Manifest

Evidence = Literal["sound", "readable", "fragments", "older", "none"]

MAX_STARTS = 10_000


@dataclass
class Catalogue:
    """wal_number: the first log file that is needed, None when nobody knows."""

    evidence: Evidence
    entries: list[CollectionEntry] = field(default_factory=list)
    database_id: bytes | None = None
    wal_number: int | None = None
    findings: list[str] = field(default_factory=list)

    @property
    def names_every_segment(self) -> bool:
        """Whether a segment that it does not name is not part of the database."""
        return self.evidence in ("sound", "readable")


def read_catalogue(directory: Directory) -> Catalogue:
    """The best evidence in a directory. Raises NotFound when there is no trace of a database."""
    try:
        return _of(manifests.load(directory), "sound")
    except NotFound:
        finding = "the manifest is not there"
        if not any(parse_name(name)[0] in ("wal", "segment") for name in directory.list()):
            raise
    except RankRetrieveError as error:
        finding = f"the manifest is damaged: {error}"
    catalogue = _readable(directory) or _fragments(directory) or _older(directory)
    if catalogue is None:
        catalogue = Catalogue("none")
    catalogue.findings.insert(0, finding)
    return catalogue


def _of(manifest: Manifest, evidence: Evidence) -> Catalogue:
    return Catalogue(
        evidence, list(manifest.collections), manifest.database_id, manifest.wal_number
    )


def _payload(directory: Directory) -> bytes:
    try:
        return directory.read(MANIFEST, manifests.MAX_BYTES)[manifests.HEADER_SIZE :]
    except (NotFound, CorruptionError):
        return b""


def _readable(directory: Directory) -> Catalogue | None:
    try:
        manifest = msgspec.json.decode(_payload(directory), type=Manifest)
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError):
        return None
    if manifests.find_problem(manifest):
        return None
    catalogue = _of(manifest, "readable")
    catalogue.findings.append("its payload reads as a manifest and is believed")
    return catalogue


def _fragments(directory: Directory) -> Catalogue | None:
    text = _payload(directory).decode("utf-8", "replace")
    entries: dict[int, CollectionEntry] = {}
    decoder, start = json.JSONDecoder(), 0
    for _ in range(MAX_STARTS):
        start = text.find('{"id":', start)
        if start < 0:
            break
        try:
            found, _ = decoder.raw_decode(text, start)
            entry = msgspec.convert(found, CollectionEntry)
        except (ValueError, msgspec.ValidationError, RecursionError):
            start += 1
            continue
        start += 1
        if entry.id not in entries and entry.name not in {e.name for e in entries.values()}:
            entries[entry.id] = entry
    if not entries:
        return None
    catalogue = Catalogue("fragments", list(entries.values()))
    names = ", ".join(repr(entry.name) for entry in catalogue.entries)
    catalogue.findings.append(f"of the collections in it {names} still read; others may be lost")
    return catalogue


def _older(directory: Directory) -> Catalogue | None:
    found: list[tuple[int, str, Manifest]] = []
    for name in directory.list():
        if name.startswith(f"{MANIFEST}.") and name.endswith(".tmp"):
            _add(found, name, lambda name=name: directory.read(name, manifests.MAX_BYTES))
    try:
        home = checkpoints_of(directory)
    except RankRetrieveError:
        home = None
    for name in [] if home is None else home.folders():
        _add(
            found,
            f"checkpoint {name}",
            lambda name=name: open_checkpoint(directory, name).read(MANIFEST, manifests.MAX_BYTES),
        )
    if not found:
        return None
    _, origin, manifest = max(found, key=lambda candidate: candidate[:2])
    catalogue = _of(manifest, "older")
    catalogue.wal_number = None
    catalogue.findings.append(f"collections and their fields are taken from {origin}")
    return catalogue


def _add(found: list[tuple[int, str, Manifest]], origin: str, read: Any) -> None:
    try:
        manifest = manifests.decode_payload(manifests.open_envelope(read()))
    except RankRetrieveError:
        return
    found.append((manifest.generation, origin, manifest))
