"""A process that has everything loaded, and forks a child for each mutant.

Reads requests and writes answers, JSON objects of one line:

    {"site": name or null, "killers": [test, ...], "timeout_s": 60}
    {"killer": the first that was red or null, "case": of it, "how": the error, "seconds": 0.1}

A test is `tests.persistence.test_wal::test_name`, for all of its cases, or `...::test_name[case]`.
"""

import contextlib
import gc
import importlib
import inspect
import itertools
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.mutants.mutation import mutate
from tests.mutants.sites import all_sites


class UnusableError(Exception):
    """The killer can not be run like this."""


def serve() -> None:
    """Answer requests until there are none."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what tests print is no answer
    _load()
    gc.freeze()  # or each child would copy what its collector looks at
    answers.write("ready\n")
    answers.flush()
    for line in sys.stdin:
        request = json.loads(line)
        for killer in request["killers"]:
            importlib.import_module(killer.partition("::")[0])
        answers.write(json.dumps(_in_child(request)) + "\n")
        answers.flush()


def _load() -> None:
    for module in {site.module for site in all_sites()}:
        importlib.import_module(f"rank_retrieve.{module}".removesuffix(".__init__"))
    _warm()


def _warm() -> None:
    """Load the kernels, by using each retriever once."""
    import rank_retrieve as rr

    with rr.open(":memory:") as db:
        fields = {"text": rr.Text(analyzer="simple"), "vector": rr.Vector(dim=2)}
        collection = db.create_collection("c", fields=fields)
        for name in "ab":
            collection.put({"id": name, "text": "word", "vector": [1.0, 2.0], "n": 1})
            db.flush()
        collection.compact()
        collection.search("word", vector=[1.0, 1.0], where={"n": 1})
        assert db.verify().ok


def _in_child(request: dict[str, Any]) -> dict[str, Any]:
    read_end, write_end = os.pipe()
    scratch = tempfile.mkdtemp(prefix="mutant-")
    started = time.perf_counter()
    pid = os.fork()
    if not pid:
        os.close(read_end)
        os.setpgid(0, 0)
        tempfile.tempdir = scratch
        with os.fdopen(write_end, "w") as out:
            json.dump(_judge(request), out)
        os._exit(0)
    os.close(write_end)
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    try:
        answer = _read(read_end, started + request.get("timeout_s", 60))
    finally:
        os.close(read_end)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        shutil.rmtree(scratch, ignore_errors=True)
    return {**answer, "seconds": round(time.perf_counter() - started, 3)}


def _read(fd: int, until: float) -> dict[str, Any]:
    text = b""
    while True:
        if not select.select([fd], [], [], max(0, until - time.perf_counter()))[0]:
            return {"killer": "timeout", "how": "it hangs"}
        part = os.read(fd, 1 << 16)
        if not part:
            break
        text += part
    if not text:
        return {"killer": "crash", "how": "the process ended"}
    answer: dict[str, Any] = json.loads(text)
    return answer


def _judge(request: dict[str, Any]) -> dict[str, Any]:
    times = {}
    try:
        if request["site"]:
            mutate(request["site"])
        for killer in request["killers"]:
            started = time.perf_counter()
            case, how = red(killer)
            times[killer] = round(time.perf_counter() - started, 3)
            if how:
                return {"killer": killer, "case": case, "how": how, "times": times}
    except BaseException:  # noqa: BLE001 - whatever it is, it is told
        return {"killer": "broken", "how": traceback.format_exc()[-2000:], "times": times}
    return {"killer": None, "how": "", "times": times}


def red(killer: str) -> tuple[str, str]:
    """In which of its cases a test fails, and how; both empty when it does not."""
    for case, arguments, function in _runs(killer):
        try:
            with _fixtures(function, arguments) as filled:
                function(**filled)
        except pytest.skip.Exception:
            continue
        except UnusableError:
            raise
        except BaseException as error:  # noqa: BLE001 - that is what red means
            return case, f"{type(error).__name__}: {error}"[:300]
    return "", ""


def _runs(killer: str) -> Iterator[tuple[str, dict[str, Any], Callable[..., None]]]:
    """The cases of a test: name, arguments and function."""
    module, _, rest = killer.partition("::")
    name, _, wanted = rest.removesuffix("]").partition("[")
    function = getattr(importlib.import_module(module), name)
    marks = [m for m in getattr(function, "pytestmark", []) if m.name == "parametrize"]
    axes = [list(_axis(mark)) for mark in reversed(marks)]
    for point in itertools.product(*axes):
        label = "-".join(part for part, _ in point)
        if wanted in ("", label):
            yield label, {k: v for _, values in point for k, v in values.items()}, function


def _axis(mark: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    names, values = mark.args[:2]
    names = [n.strip() for n in names.split(",")] if isinstance(names, str) else list(names)
    for value in values:
        row = getattr(value, "values", None) if not isinstance(value, dict) else None
        row = row if isinstance(row, tuple) else (value,) if len(names) == 1 else value
        yield "-".join(str(v) for v in row), dict(zip(names, row, strict=True))


@contextlib.contextmanager
def _fixtures(function: Callable[..., None], given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The arguments of a test: its parameters, `tmp_path`, `monkeypatch`, and its module's own."""
    module = sys.modules[function.__module__]
    filled = dict(given)
    with contextlib.ExitStack() as stack:

        def fill(wanted: Callable[..., Any]) -> dict[str, Any]:
            for name in inspect.signature(wanted).parameters:
                if name not in filled:
                    filled[name] = make(name)
            return {name: filled[name] for name in inspect.signature(wanted).parameters}

        def make(name: str) -> Any:
            if name == "tmp_path":
                return Path(tempfile.mkdtemp())
            if name == "monkeypatch":
                return stack.enter_context(pytest.MonkeyPatch.context())
            fixture = getattr(module, name, None)
            if not hasattr(fixture, "_get_wrapped_function"):
                raise UnusableError(f"{function.__name__} needs {name}")
            made = fixture._get_wrapped_function()
            value = made(**fill(made))
            if inspect.isgenerator(value):
                stack.callback(next, value, None)
                return next(value)
            return value

        yield fill(function)


if __name__ == "__main__":
    serve()
