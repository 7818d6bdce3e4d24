"""`rank-retrieve compact`: one segment out of many, without the deleted documents."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from rank_retrieve.cli.info_command import size_of
from rank_retrieve.cli.options import IndexPath, Json


def compact(
    path: IndexPath,
    collection: Annotated[
        str | None,
        typer.Option("--collection", "-c", help="Only this collection; by default all of them."),
    ] = None,
    json: Json = None,
) -> None:
    """Merge the segments of an index into one per collection and free what deletes left."""
    import rank_retrieve as rr
    from rank_retrieve.cli.output import Output

    output = Output(json)
    rr.open(path, mode="r").close()  # to write would create what is not there
    with rr.open(path, compaction="manual") as database:
        names = database.list_collections() if collection is None else [collection]
        for name in names:
            documents = database.get_collection(name)
            before, started = documents.info(), time.perf_counter()
            with output.progress(f"compacting {name}") as advance:
                documents.compact(
                    lambda stage, done, total: advance(done, total, f"{name}: {stage}")  # noqa: B023
                )
            after, seconds = documents.info(), time.perf_counter() - started
            if output.json:
                output.record(
                    {
                        "collection": name,
                        "documents": after["documents"],
                        "segments_before": before["segments"],
                        "segments": after["segments"],
                        "segment_bytes_before": before["segment_bytes"],
                        "segment_bytes": after["segment_bytes"],
                        "seconds": seconds,
                    }
                )
            else:
                output.line(
                    f"{name}: {after['documents']:,} documents, segments {before['segments']} -> "
                    f"{after['segments']}, {size_of(before['segment_bytes'])} -> "
                    f"{size_of(after['segment_bytes'])} in {seconds:.1f} s"
                )
