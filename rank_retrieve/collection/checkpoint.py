"""Named checkpoints of an open database; `persistence.checkpoints` has their files."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rank_retrieve.persistence import SegmentReader
from rank_retrieve.persistence.checkpoints import (
    CheckpointInfo,
    check_checkpoint_name,
    checkpoint_manifest,
    fill_checkpoint,
    new_checkpoint,
    remove_checkpoint,
)

if TYPE_CHECKING:
    from rank_retrieve.collection.engine import Engine


def make_checkpoint(
    engine: Engine, name: str, *, clock: Callable[[], float] = time.time
) -> CheckpointInfo:
    """Flush, and keep what is published then under a name; see `Database.checkpoint`."""
    check_checkpoint_name(name)
    state = engine.state
    directory = state.directory
    # writers wait meanwhile: links take no time, and copies are made where links are impossible
    with state.locked_for("make a checkpoint"), new_checkpoint(directory, name) as folder:
        engine.flush()
        manifest = checkpoint_manifest(state.manifest)
        files = {
            file.name: SegmentReader.open(directory, file.name, kind=None, expected=file).contents
            for file in manifest.files()
        }
        documents = sum(len(store) for store in state.stores.values())
        size = sum(file.size for file in manifest.files())
        info = CheckpointInfo(name, clock(), documents, size)
        fill_checkpoint(directory, manifest, files, folder, info)
    return info


def drop_checkpoint(engine: Engine, name: str) -> None:
    """Delete a checkpoint; see `Database.drop_checkpoint`."""
    check_checkpoint_name(name)
    with engine.state.locked_for("drop a checkpoint"):
        remove_checkpoint(engine.state.directory, name)
