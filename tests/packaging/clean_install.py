"""Builds the distributions, installs the wheel in a new environment, and tries it there.

    python -m tests.packaging.clean_install FOLDER

Says how large the installation is and what importing it costs. Needs a package index, so it is
no test of the suite; `make package` runs it, and `make test` that.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from tests.packaging.building import ROOT, build, unpacked

IMPORT_LIMIT_S = 0.15
IMPORTS = 5

PROGRAM = """
import rank_retrieve as rr

with rr.open("library") as db:
    notes = db.create_collection("notes", {"text": rr.Text(), "vector": rr.Vector(dim=2)})
    notes.put({"id": "a", "text": "A cat sat.", "vector": [1.0, 0.0], "year": 2021})
with rr.open("library", mode="r") as db:
    hits = db.get_collection("notes").search("cats", vector=[1.0, 0.0], where={"year": 2021})
    assert hits.ids.tolist() == ["a"]
    assert hits[0].explain().adds_up()
"""


def main(folder: Path) -> None:
    """Everything, in a folder that is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    sdist = build("sdist", ROOT, folder / "dist")
    wheel = build("wheel", unpacked(sdist, folder / "tree"), folder / "dist")
    venv.create(folder / "environment", with_pip=True)
    python = (folder / "environment" / "bin" / "python").absolute()
    before = footprint(python)
    run(python, "-m", "pip", "install", "--quiet", wheel.absolute())
    away = folder / "away"  # from the tree, so that nothing is imported from it
    away.mkdir()
    run(python, "-c", PROGRAM, cwd=away)
    command = python.parent / "rank-retrieve"
    for arguments in (
        ["--version"],
        ["info", "library"],
        ["search", "library", "cats", "-c", "notes"],
    ):
        run(command, *arguments, cwd=away)
    say(f"sdist {size(sdist.stat().st_size)}, wheel {size(wheel.stat().st_size)}")
    report_footprint(before, footprint(python))
    seconds = import_seconds(python, away)
    say(f"import rank_retrieve: {seconds:.3f} s of processor time (limit {IMPORT_LIMIT_S} s)")
    if seconds > IMPORT_LIMIT_S:
        sys.exit(1)


def run(*command: object, cwd: Path | None = None) -> str:
    """What a command prints; its failure is ours."""
    # nothing of the calling environment leads back to the tree
    plain = {name: os.environ[name] for name in os.environ if not name.startswith("PYTHON")}
    finished = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=plain,
        check=False,
        capture_output=True,
        text=True,
    )
    if finished.returncode:
        sys.exit(f"{command[0]} failed:\n{finished.stdout}{finished.stderr}")
    return finished.stdout


def footprint(python: Path) -> dict[str, int]:
    """Bytes by distribution, from the lists of files that installers leave."""
    program = (
        "import importlib.metadata as m, json, os; print(json.dumps({d.name: sum("
        "os.path.getsize(f.locate()) for f in d.files or () if os.path.isfile(f.locate()))"
        " for d in m.distributions()}))"
    )
    import json

    sizes: dict[str, int] = json.loads(run(python, "-c", program))
    return sizes


def report_footprint(before: dict[str, int], after: dict[str, int]) -> None:
    """The new distributions, largest first."""
    new = {name: n for name, n in after.items() if name not in before}
    say(f"installed: {size(sum(new.values()))} in {len(new)} packages, of which")
    largest = sorted(new.items(), key=lambda entry: -entry[1])[:6]
    own = [(name, n) for name, n in new.items() if name == "rank-retrieve"]
    for name, n in dict(largest + own).items():
        say(f"  {name:16} {size(n)}")


def import_seconds(python: Path, cwd: Path) -> float:
    """Processor time that the import adds to starting Python: the best of several, each."""

    def best(program: str) -> float:
        costs = []
        for _ in range(IMPORTS):
            start = resource.getrusage(resource.RUSAGE_CHILDREN)
            run(python, "-c", program, cwd=cwd)
            end = resource.getrusage(resource.RUSAGE_CHILDREN)
            costs.append(end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime)
        return min(costs)

    return max(0.0, best("import rank_retrieve") - best("pass"))


def size(n_bytes: int) -> str:
    """In MiB."""
    return f"{n_bytes / 2**20:.1f} MiB"


def say(text: str) -> None:
    """A line of the report."""
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
