"""The smallest thing that uses every protocol of the persistence layer: a durable list of bytes.

Records go to the log; `flush` moves them to a segment; opening recovers and re-homes. It stands in
for the collection layer.
"""

import msgspec

from rank_retrieve.errors import NotFound
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence import recovery as recoveries
from rank_retrieve.persistence import segment as segments
from rank_retrieve.persistence import wal as wals
from rank_retrieve.persistence.files import segment_name

ID = b"0123456789abcdef"


def records_of(recovered):
    """Every record, in order of commit."""
    entry = recovered.manifest.collections[0]
    flushed = [
        bytes(recovered.files[segment.name].section(str(number)))
        for segment in entry.segments
        for number in range(segment.n_docs)
    ]
    return flushed + [bytes(frame.body) for frame in recovered.frames]


def read(directory):
    """The records, as a reader finds them; None where there is no database yet."""
    try:
        return records_of(recoveries.recover(directory))
    except NotFound:
        return None


class MiniEngine:
    def __init__(self, directory, *, segment_bytes=64 << 20):
        self.directory, self.segment_bytes = directory, segment_bytes
        self.pending = []
        try:
            recovered = recoveries.recover(directory)
        except NotFound:
            recoveries.remove_orphans(directory, None)
            self._start_log(1, 1)
            self.manifest = manifests.Manifest(
                database_id=ID,
                next_collection_id=2,
                collections=[manifests.CollectionEntry(1, "records", {})],
            )
            manifests.publish(directory, self.manifest)
            return
        self.recovered = recovered
        self.manifest = recovered.manifest
        self.pending = [bytes(frame.body) for frame in recovered.frames]
        if recovered.torn_tail:
            self.quarantined = recoveries.quarantine(directory, recovered.torn_tail)
        recoveries.remove_orphans(directory, self.manifest)
        self._start_log(recovered.next_wal_number, recovered.next_lsn)
        self._publish(epoch=self.manifest.epoch + 1)

    def _start_log(self, number, next_lsn):
        self.log = wals.WriteAheadLog.create(
            self.directory,
            database_id=ID,
            number=number,
            next_lsn=next_lsn,
            segment_bytes=self.segment_bytes,
        )

    def put(self, record, *, sync=True):
        lsn = self.log.append(wals.FrameType.BATCH, record)
        self.pending.append(record)
        if sync:
            self.log.sync(lsn)

    def flush(self):
        self.log.rotate()
        self._publish()

    def _publish(self, **changes):
        """Everything so far into segments; the log from its current file on."""
        entry = self.manifest.collections[0]
        number = self.manifest.next_file_number
        files = list(entry.segments)
        if self.pending:
            writer = segments.SegmentWriter(self.directory, segment_name(number), kind="records")
            for place, record in enumerate(self.pending):
                writer.add(str(place), record)
            info = writer.finish()
            files.append(
                manifests.SegmentEntry(info.name, info.size, info.checksum, len(self.pending))
            )
        collection = msgspec.structs.replace(entry, segments=files, flushed_lsn=self.log.last_lsn)
        self.manifest = msgspec.structs.replace(
            self.manifest,
            generation=self.manifest.generation + 1,
            next_file_number=number + 1,
            wal_number=self.log.numbers[-1],
            collections=[collection],
            **changes,
        )
        manifests.publish(self.directory, self.manifest)
        self.pending = []
        recoveries.remove_orphans(self.directory, self.manifest)
