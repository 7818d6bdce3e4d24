"""Damages the golden database one byte, or one length, at a time, and reads it.

Run as a module with a job in JSON, in a process of its own: then a crash is an exit code, and
memory has a limit. Prints the counts in JSON, with what went wrong, if anything.

Every image is opened for real. Then the first question that reads the damaged section is asked; if
it is answered, so are others, and the answers must be those of the whole database. One image in
`FULL_EVERY` is asked everything, whatever the first answer.
"""

import bisect
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import rank_retrieve as rr
from rank_retrieve.persistence import MemoryDirectory
from tests.reliability.golden import (
    Files,
    answers,
    golden,
    questions,
    readers_of,
    sections_of,
)

VALUES = ("^01", "^80", "=00", "=FF")
APPENDED = (b"\0", b"\xff", b"\0" * 8, b"Z" * 64, b"\0" * 4096)
FULL_EVERY = 499
MEMORY_BYTES = 256 << 20
ALIGNMENT = 64

Damage = tuple[str, str, int, str]
"""File, "flip" or "cut" or "append", place, and what is there now."""


class Image(MemoryDirectory):
    """The files of a database, one of which is a copy that can be damaged and healed."""

    def __init__(self, files: Files) -> None:
        super().__init__(files)
        self.target, self.block, self.view = "", np.empty(0, np.uint8), memoryview(b"")

    def aim(self, name: str, contents: bytes) -> None:
        self.target = name
        block = np.empty(len(contents) + ALIGNMENT, dtype=np.uint8)
        start = -block.ctypes.data % ALIGNMENT
        self.block = block[start : start + len(contents)]
        self.block[:] = np.frombuffer(contents, dtype=np.uint8)
        self.view = self.block.data.toreadonly()

    def open(self, name: str) -> memoryview:
        return self.view if name == self.target else super().open(name)

    def read(self, name: str, limit: int) -> bytes:
        return bytes(self.view) if name == self.target else super().read(name, limit)

    def size(self, name: str) -> int:
        return len(self.view) if name == self.target else super().size(name)


@dataclass
class Result:
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Reader:
    """What the whole database answers, and which questions to ask of a damaged one."""

    def __init__(self) -> None:
        self.files, prefixes = golden()
        self.questions = questions()
        self.expected = [answers(self.opened(files)) for files in prefixes]
        self.first = readers_of(self.files)
        self.places: dict[str, list[tuple[int, int, str]]] = {name: [] for name in self.files}
        for name, section, start, stop in sections_of(self.files):
            self.places[name].append((start, stop, section))
        self.journal = [name for name in self.questions if "journal" in name or "entry" in name]
        self.some = ["get note 0", "lexical papers", "lexical journal", "get paper"]
        self.asked = 0
        (log,) = (name for name in self.files if name.startswith("wal-"))
        self.frame_ends = {64, *(len(prefix[log].rstrip(b"\0")) for prefix in prefixes)}

    @staticmethod
    def opened(files: Files) -> rr.Database:
        return rr.open(MemoryDirectory(files), mode="r")

    def image(self) -> Image:
        return Image(self.files)

    def to_ask(self, damage: Damage) -> list[str]:
        """The questions that show the damage, the likeliest first."""
        name, kind, place, _ = damage
        if name.startswith("wal-"):
            return ["sizes", *self.journal]
        if kind == "flip":
            found = self.places[name]
            i = bisect.bisect(found, (place, sys.maxsize, "")) - 1
            if i >= 0 and found[i][0] <= place < found[i][1]:
                question = self.first[name, found[i][2]]
                return [*([] if question == "open" else [question]), *self.some]
        return self.some

    def judge(self, image: Image, damage: Damage) -> str:
        """ "refused" by opening, "detected" later, "harmless", or a legal "prefix" of the log.

        Anything else is an AssertionError, or an error that should not come out.
        """
        self.asked += 1
        thorough = self.asked % FULL_EVERY == 0
        if thorough:
            self.write(image, damage)
        try:
            db = rr.open(image, mode="r")
        except rr.RankRetrieveError:
            return "refused"
        return self.ask(db, list(self.questions) if thorough else self.to_ask(damage), damage)

    def write(self, image: Image, damage: Damage) -> None:
        """Open a copy for writing: refused and untouched, or recovered to a legal state."""
        files = {name: bytes(image.open(name)) for name in image.list()}
        directory = MemoryDirectory(files)
        try:
            db = rr.open(directory, compaction="manual")
        except rr.RankRetrieveError:
            left = {name: data for name, data in directory.files().items() if name != "lock"}
            assert left == files, "refused, but not untouched"
            return
        first = self.ask(db, list(self.questions), damage)
        try:
            db.close()
        except rr.RankRetrieveError:
            return
        again = self.ask(rr.open(directory, mode="r"), list(self.questions), damage, told=True)
        assert (first == "detected") == (again == "detected"), f"{first}, then {again}"

    def ask(self, db: rr.Database, asked: list[str], damage: Damage, *, told: bool = False) -> str:
        """What the answers say; told: the loss of the end of the log was reported before."""
        allowed = range(len(self.expected)) if damage[0].startswith("wal-") else (-1,)
        detected = False
        for name in asked:
            try:
                answer = self.questions[name](db)
            except rr.RankRetrieveError:
                detected = True
            else:
                if name == "verify" and not answer:
                    detected = True
                    continue
                allowed = [i for i in allowed if self.expected[i][name] == answer]
                assert allowed, f"{name} was answered {answer!r:.200}"
            if detected and len(asked) < len(self.questions):
                break
        if detected:
            return "detected"
        if allowed[-1] in (-1, len(self.expected) - 1):
            return "harmless"
        findings = [finding for step in db.report.steps for finding in step.findings]
        # a log that is cut between two frames is one to which the rest was never written
        told = told or bool(findings) or (damage[1] == "cut" and damage[2] in self.frame_ends)
        assert told, "the end of the log is lost and nobody says so"
        return "prefix"


def damages(files: Files) -> Iterator[Damage]:
    """Every byte, every length."""
    for name, contents in files.items():
        for place, byte in enumerate(contents):
            for value in VALUES:
                if value[0] == "^" or byte != int(value[1:], 16):
                    yield name, "flip", place, value
        for size in range(len(contents)):
            yield name, "cut", size, ""
        for number in range(len(APPENDED)):
            yield name, "append", number, ""


def run(reader: Reader, chosen: Iterator[Damage]) -> Result:
    """Make each damaged image in turn and read it."""
    result, image, aimed = Result(), reader.image(), ("", "")
    whole = memoryview(b"")
    for damage in chosen:
        name, kind, place, value = damage
        if aimed != (name, kind):
            image.aim(name, reader.files[name])
            aimed, whole = (name, kind), image.view
        if kind == "flip":
            before = int(image.block[place])
            number = int(value[1:], 16)
            image.block[place] = before ^ number if value[0] == "^" else number
        elif kind == "cut":
            image.view = whole[:place]
        else:
            image.aim(name, reader.files[name] + APPENDED[place])
            aimed = ("", "")
        try:
            outcome = reader.judge(image, damage)
        except Exception as error:  # noqa: BLE001 - the damage that did it is what is wanted
            outcome = "wrong"
            result.wrong.append(f"{damage}: {type(error).__name__}: {str(error)[:300]}")
        if kind == "flip":
            image.block[place] = before
        result.counts[f"{kind} {outcome}"] += 1
    return result


def chosen(files: Files, job: dict[str, Any]) -> Iterator[Damage]:
    """Every `stride`-th image from `start`; every `small_stride`-th of what is small.

    That is the manifest, the log, deletions, and the footers of the other files.
    """
    footers = dict.fromkeys(files, 0)
    for name, _, _, stop in sections_of(files):
        if not name.startswith("deletions-"):
            footers[name] = max(footers[name], stop)
    numbers = {True: 0, False: 0}
    for damage in damages(files):
        small = damage[1] == "append" or damage[2] >= footers[damage[0]]
        number = numbers[small]
        numbers[small] += 1
        stride = job["small_stride" if small else "stride"]
        if number % stride == job["start"] % stride:
            yield damage


def main(job: dict[str, Any]) -> dict[str, Any]:
    """Do a job: stride, small_stride, start, and at most `limit` images."""
    reader = Reader()
    run(reader, iter([("manifest", "append", 0, "")]))
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        size = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY_BYTES, resource.RLIM_INFINITY))
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.process_time()
    images = list(chosen(reader.files, job))[: job.get("limit")]
    result = run(reader, iter(images))
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "images": len(images),
        "counts": dict(result.counts),
        "wrong": result.wrong[:20],
        "peak_kib": after.ru_maxrss - before.ru_maxrss,
        "cpu_s": round(time.process_time() - started, 1),
        "golden_bytes": sum(len(contents) for contents in reader.files.values()),
    }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))  # noqa: T201
