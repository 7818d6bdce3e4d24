"""What starting costs: compiling every kernel of lexical search, and the first query of a process.

    python benchmarks/lexical_start.py

Each figure is of a process of its own. Processor time counts what the process itself does, for
machines with other work; wall time is what a user waits for.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

INDEX = """
import sys, rank_retrieve as rr
texts = [f"word{i % 97} word{i % 31} other{i % 7} text" for i in range(5000)]
rr.BM25.from_texts(texts).save(sys.argv[1])
"""
QUERY = """
import sys, rank_retrieve as rr
hits = rr.BM25.open(sys.argv[1]).search("word3 other2 text", k=10)
assert len(hits) == 10
"""
COMPILE = """
import importlib, pkgutil
from rank_retrieve import lexical
for module in pkgutil.walk_packages(lexical.__path__, lexical.__name__ + "."):
    if module.name.endswith("_kernels"):
        importlib.import_module(module.name)
from rank_retrieve._numba import load_declared
load_declared()
"""


def run(program: str, path: Path, cache: Path) -> tuple[float, float]:
    """Seconds of a process, by the clock on the wall and of its processor time."""
    before, start = os.times(), time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache)}, check=True,
    )  # fmt: skip
    wall, after = time.perf_counter() - start, os.times()
    used = after.children_user + after.children_system
    return wall, used - before.children_user - before.children_system


def main() -> None:
    root = Path(tempfile.mkdtemp(prefix="rank-retrieve-bench-"))
    try:
        cold = run(COMPILE, root, root / "cache")
        print(f"all lexical kernels, cold: {cold[0]:.1f} s, processor {cold[1]:.1f} s")
        warm = run(COMPILE, root, root / "cache")
        print(f"the same, cached: {warm[0]:.1f} s, processor {warm[1]:.1f} s")
        run(INDEX, root / "index", root / "cache")
        run(QUERY, root / "index", root / "cache")
        starts = sorted(run(QUERY, root / "index", root / "cache") for _ in range(7))
        print(
            f"from python to the first hits of a saved index, cached: median "
            f"{starts[3][0]:.2f} s, processor {sorted(each[1] for each in starts)[3]:.2f} s"
        )
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
