"""Command lines that `--help` shows; the tests parse each of them."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "demo": ("rank-retrieve demo",),
    "index": (
        "rank-retrieve index corpus.jsonl --index library",
        "rank-retrieve index notes/ --index library --on-error skip --no-dense",
        "rank-retrieve index papers.parquet -i library -c papers --analyzer german",
    ),
    "search": (
        'rank-retrieve search library "parse a date" -k 5 --explain',
        """rank-retrieve search library flights --where '{"year": {"$gte": 2020}}'""",
        "rank-retrieve search library flights --mode lexical",
        "rank-retrieve search library flights --json",
    ),
    "export": (
        "rank-retrieve export library papers.parquet -c papers",
        "rank-retrieve export library all.jsonl.gz --overwrite",
    ),
    "get": ("rank-retrieve get library d1",),
    "delete": ("rank-retrieve delete library d1 d2",),
    "info": ("rank-retrieve info library", "rank-retrieve info library --json"),
    "compact": ("rank-retrieve compact library", "rank-retrieve compact library -c papers"),
    "verify": ("rank-retrieve verify library",),
    "doctor": ("rank-retrieve doctor library",),
    "repair": ("rank-retrieve repair library saved",),
    "checkpoint": (
        "rank-retrieve checkpoint library before-reindex",
        "rank-retrieve checkpoint library",
        "rank-retrieve checkpoint library before-reindex --drop",
    ),
    "backup": ("rank-retrieve backup library library.rra",),
    "restore": (
        "rank-retrieve restore library.rra library-again",
        "rank-retrieve restore library/checkpoints/before-reindex as-it-was",
    ),
    "eval": (
        "rank-retrieve eval library --queries queries.jsonl --qrels qrels/test.tsv",
        "rank-retrieve eval library --queries q.jsonl --qrels q.tsv --mode lexical --mode hybrid",
    ),
    "warmup": ("rank-retrieve warmup",),
}


def shown_examples(command: str) -> str:
    """The lines below a command's options; blank lines keep them apart."""
    return "\n\n".join(("Examples:", *EXAMPLES[command]))
