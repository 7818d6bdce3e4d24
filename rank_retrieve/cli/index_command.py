"""`rank-retrieve index`: files or folders into a collection."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rank_retrieve.cli.completion import analyzers
from rank_retrieve.cli.exit_codes import ExitCode, complain
from rank_retrieve.cli.options import DEFAULT_COLLECTION, CollectionName, Json
from rank_retrieve.errors import InvalidArgument, RankRetrieveError, ResourceExhausted

if TYPE_CHECKING:
    from rank_retrieve.cli.output import Advance, Output
    from rank_retrieve.collection import Collection, Database
    from rank_retrieve.interchange.files import BadRecord, Located

BATCH_DOCS = 1_000
BATCH_CHARACTERS = 8 << 20
LSA_DIM = 128


class OnError(StrEnum):
    """What a record that cannot be a document does."""

    STOP = "stop"
    SKIP = "skip"


class _Stopped(RankRetrieveError):  # noqa: N818 - never leaves this module
    """Reading ended at a bad record, because that was asked for."""


def index(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE_OR_FOLDER",
            help="JSONL (BEIR), CSV, Parquet, plain text or Markdown; or a folder of these.",
        ),
    ],
    path: Annotated[
        Path, typer.Option("--index", "-i", help="The index: a directory, made if missing.")
    ],
    collection: CollectionName = DEFAULT_COLLECTION,
    on_error: Annotated[
        OnError,
        typer.Option(help="What a bad record does: stop there, or skip it and go on."),
    ] = OnError.STOP,
    analyzer: Annotated[
        str,
        typer.Option(
            help="How text becomes terms, for a new collection.", autocompletion=analyzers
        ),
    ] = "english",
    dense: Annotated[
        bool,
        typer.Option(help="Train an LSA encoder on a new collection, for dense search."),
    ] = True,
    dim: Annotated[
        int, typer.Option(min=1, max=4096, help="Dimensions of the LSA vectors.")
    ] = LSA_DIM,
    json: Json = None,
) -> None:
    """Index documents; one with an id that is known already replaces the old one.

    Every batch is durable before the next one is read: whatever ends the command,
    the documents that it acknowledged are there. A bad record is named with its
    file, line and reason.
    """
    import rank_retrieve as rr
    from rank_retrieve.cli.output import Output
    from rank_retrieve.cli.warmup_command import load_kernels

    output = Output(json)
    started = time.perf_counter()
    if not source.exists():  # before an index is made for nothing
        raise rr.NotFound("file or folder", str(source))
    with output.progress("loading kernels (the first time they are compiled)") as advance:
        load_kernels(advance)
    with rr.open(path) as database:
        documents = _collection(database, collection, analyzer, dim if dense else None)
        job = IndexJob(documents, stop=on_error is OnError.STOP)
        try:
            with output.progress("indexing documents") as advance:
                job.run(source, advance)
        except _Stopped:
            complain(f"stopped; {job.acknowledged:,} documents are in the index")
            raise typer.Exit(ExitCode.FAILED) from None
        except (RankRetrieveError, OSError, KeyboardInterrupt):
            complain(f"{job.acknowledged:,} documents were acknowledged before this:")
            raise
        encoded = _encode(documents, output)
        _report(output, job, database, documents, encoded, time.perf_counter() - started)


def _collection(database: Database, name: str, analyzer: str, dim: int | None) -> Collection:
    import rank_retrieve as rr

    if name in database.list_collections():
        return database.get_collection(name)
    return database.create_collection(
        name,
        fields={"title": rr.Text(analyzer=analyzer), "text": rr.Text(analyzer=analyzer)},
        encoder=None if dim is None else rr.LSAEncoder(dim=dim, analyzer=analyzer),
    )


class IndexJob:
    """Reads a source into a collection, batch by batch.

    acknowledged: documents that are durable. skipped: records that could not be documents.
    """

    def __init__(self, collection: Collection, *, stop: bool) -> None:
        self.acknowledged = self.skipped = 0
        self._collection, self._stop = collection, stop
        self._batch: list[Located] = []

    def run(self, source: Path, advance: Advance) -> None:
        """Read everything. Raises _Stopped at the first bad record where that was asked for."""
        from rank_retrieve.interchange.files import read_located

        size = 0
        for located in read_located(source, on_error=self._bad):
            self._batch.append(located)
            size += _characters(located.document)
            if len(self._batch) >= BATCH_DOCS or size >= BATCH_CHARACTERS:
                self._flush()
                size = 0
                advance(self.acknowledged)
        self._flush()
        advance(self.acknowledged)

    def _flush(self) -> None:
        batch, self._batch = self._batch, []
        self._put(batch)

    def _put(self, batch: list[Located]) -> None:
        """Put a batch; halve it until the documents that the engine refuses are alone."""
        from rank_retrieve.interchange.files import BadRecord

        if not batch:
            return
        try:
            self._collection.put_many(
                (located.document for located in batch), batch_size=len(batch)
            )
        except (InvalidArgument, ResourceExhausted) as error:
            if len(batch) == 1:
                self._bad(BadRecord(batch[0].file, batch[0].line, str(error)))
                return
            middle = len(batch) // 2
            self._put(batch[:middle])
            self._put(batch[middle:])
        else:
            self.acknowledged += len(batch)

    def _bad(self, bad: BadRecord) -> None:
        if self._stop:
            self._flush()  # the good ones before it
        complain(str(bad))
        self.skipped += 1
        if self._stop:
            raise _Stopped(str(bad))


def _characters(document: dict[str, Any]) -> int:
    return sum(len(value) for value in document.values() if isinstance(value, str))


def _encode(documents: Collection, output: Output) -> int:
    """Train the collection's encoder if it has an untrained one; how many were encoded.

    Documents without a vector are also those that an interrupted run left behind.
    """
    if documents.info()["encoder"] is None or not len(documents):
        return 0
    stages = {"fit": "training the LSA encoder", "encode": "encoding documents"}
    with output.progress(stages["fit"]) as advance:
        try:
            return documents.fit_encoder(
                progress=lambda stage, done, total: advance(done, total, stages[stage])
            )
        except InvalidArgument as error:
            complain(f"no dense search: {error}")
            return 0


def _report(
    output: Output,
    job: IndexJob,
    database: Database,
    documents: Collection,
    encoded: int,
    seconds: float,
) -> None:
    if output.json:
        output.record(
            {
                "index": database.path,
                "collection": documents.name,
                "indexed": job.acknowledged,
                "skipped": job.skipped,
                "encoded": encoded,
                "documents": len(documents),
                "seconds": seconds,
            }
        )
        return
    rate = job.acknowledged / seconds if seconds else 0
    output.line(
        f"{job.acknowledged:,} documents indexed in {seconds:.1f} s ({rate:,.0f} a second); "
        f"{documents.name!r} in {database.path} now has {len(documents):,}"
    )
    if job.skipped:
        output.line(f"{job.skipped:,} bad records were skipped", style="yellow")
