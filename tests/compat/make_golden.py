"""Makes a golden database. Run once for each format version, and never again for an old one:

    python -m tests.compat.make_golden tests/compat/format-1

What it makes is committed and opened by `test_compat.py` for ever after. A change of the format
gets a new version number and a new folder beside the old one, which stays as it is.

The files are those of a database whose writer vanished: two segments with deletions, frames in
the log above them, a trained encoder, and neither a lock file nor zeros written ahead. From
`format-1-words` on, also a collection whose segment was merged, with documents coded as words.
"""

import sys
from pathlib import Path

import rank_retrieve as rr
from rank_retrieve.persistence import MemoryDirectory
from rank_retrieve.persistence.image import take_image

BOOKS = [
    {"id": "b1", "title": "The Cat", "text": "A cat sat on the mat.", "vector": [1.0, 0.0],
     "year": 1999, "tags": ["pets", "home"], "author": {"name": "Ada"}},
    {"id": "b2", "title": "The Dog", "text": "The dog chased the cat.", "vector": [0.6, 0.8],
     "year": 2005, "tags": ["pets"], "author": {"name": "Ben"}},
    {"id": "b3", "title": "Birds", "text": "Birds sing; a bird sang.", "vector": [0.0, 1.0],
     "year": 2010},
    {"id": "b4", "title": "Gone", "text": "This cat is deleted.", "vector": [1.0, 1.0]},
]  # fmt: skip
LATER = [
    {"id": "b5", "title": "Größe", "text": "Ünïcödé und 東京 cats.", "year": None, "score": 1.5},
    {"id": "b2", "title": "The Dog", "text": "A dog sleeps.", "vector": [0.6, 0.8], "year": 2006},
]
IN_LOG = {"id": "b6", "title": "Log", "text": "A cat in the log.", "vector": [0.8, 0.6]}
NOTES = ["red apple pie", "green apple tart", "blue sky today", "the sky is grey", "apple sky"]


PEOPLE = ["Ada", "Ben", "Chloé", "Dmitri", "Eva"]
DEEDS = ["reads a book about the sea", "walks along the river", "mends the old clock",
         "writes a letter to the editor", "listens to the rain"]  # fmt: skip
TIMES = ["in the morning", "before the train leaves", "while the kettle boils", "every evening"]


def story(number: int) -> dict[str, object]:
    """A document of prose that others share their words with."""
    text = " ".join(
        f"{PEOPLE[(number + i) % 5]} {DEEDS[(number * 3 + i) % 5]} {TIMES[(number + i * 2) % 4]}."
        for i in range(3)
    )
    return {"id": f"s{number}", "text": text, "page": number, "東京": "雨" * (number % 4)}


def fill(db: rr.Database) -> None:
    """Everything that a format version has to carry."""
    books = db.create_collection(
        "books",
        fields={
            "title": rr.Text(boost=2.0),
            "text": rr.Text(),
            "vector": rr.Vector(dim=2, metric="cosine"),
        },
    )
    notes = db.create_collection(
        "notes",
        fields={"note": rr.Text(analyzer="simple")},
        encoder=rr.LSAEncoder(dim=2, analyzer="simple"),
    )
    books.put_many(BOOKS)
    notes.put_many({"id": f"n{i}", "note": note} for i, note in enumerate(NOTES))
    notes.fit_encoder()
    db.flush()
    books.put_many(LATER)
    db.flush()
    stories = db.create_collection("stories", fields={"text": rr.Text()})
    stories.put_many(story(number) for number in range(40))
    stories.flush()
    stories.delete("s7")
    stories.put(story(40))
    stories.compact()
    books.delete("b4")
    db.flush()
    books.put(IN_LOG)
    books.write(rr.WriteBatch().delete("b3").put({"id": "b7", "title": "Cat", "year": 2020}))


def main(target: Path) -> None:
    """Write the files of a new golden database into an empty folder."""
    directory = MemoryDirectory()
    fill(rr.open(directory))
    target.mkdir()
    for name, contents in take_image(directory):
        (target / name).write_bytes(contents)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
