"""The standard library as documents, and the questions that people ask of it."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rank_retrieve.cli.demo_corpus import collect
from rank_retrieve.cli.demo_queries import load_queries
from rank_retrieve.cli.demo_source import SourceTree, parse_module, signature_of


@pytest.fixture(scope="module")
def corpus() -> dict[str, dict[str, Any]]:
    return {document["id"]: document for document in collect()}


def tree_of(folder: Path, **sources: str) -> SourceTree:
    """Modules from source; a name that other names continue is a package."""
    modules = {}
    for key, source in sources.items():
        name = key.replace("__", ".")
        is_package = any(other.startswith(f"{key}__") for other in sources)
        file = folder / name / ("__init__.py" if is_package else f"{name}.py")
        file.parent.mkdir(exist_ok=True)
        file.write_text(source)
        module = parse_module(name, file)
        assert module is not None
        modules[name] = module
    return SourceTree(modules)


# --------------------------------------------------------------------------- documents


def test_there_are_several_thousand_documents_in_order_of_their_ids() -> None:
    seen: list[tuple[int, int]] = []
    documents = collect(lambda done, total: seen.append((done, total)))
    ids = [document["id"] for document in documents]
    assert len(ids) > 4000
    assert ids == sorted(set(ids))
    total = seen[0][1]
    assert seen == [(done, total) for done in range(1, total + 1)]


def test_collecting_twice_gives_the_same(corpus: dict[str, dict[str, Any]]) -> None:
    assert {document["id"]: document for document in collect()} == corpus


def test_a_document_has_title_text_signature_module_and_kind(
    corpus: dict[str, dict[str, Any]],
) -> None:
    document = corpus["textwrap.dedent"]
    assert document == {
        "id": "textwrap.dedent",
        "title": "textwrap.dedent",
        "name": "textwrap dedent",
        "context": "Text wrapping and filling.",
        "text": document["text"],
        "signature": "(text)",
        "module": "textwrap",
        "kind": "function",
    }
    assert document["text"].startswith("Remove any common leading whitespace")


def test_hooks_that_a_process_has_replaced_are_documented_as_python_has_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "excepthook", lambda *_: None)
    hooks = [document for document in collect() if document["id"] == "sys.excepthook"]
    assert hooks[0]["text"].startswith("Handle an exception by displaying it")


def test_names_are_split_into_words(corpus: dict[str, dict[str, Any]]) -> None:
    assert corpus["http.server.SimpleHTTPRequestHandler"]["name"] == (
        "http server Simple HTTP Request Handler"
    )
    assert corpus["difflib.get_close_matches"]["name"] == "difflib get close matches"
    assert corpus["json"]["context"] == ""


@pytest.mark.parametrize(
    ("name", "module", "kind"),
    [
        ("os.listdir", "os", "function"),  # written in C
        ("os.path.join", "os.path", "function"),  # of posixpath
        ("os.path.exists", "os.path", "function"),  # of genericpath
        ("datetime.datetime.strptime", "datetime", "method"),
        ("re.compile", "re", "function"),
        ("re.Pattern.findall", "re", "method"),
        ("json.dumps", "json", "function"),
        ("json.JSONDecoder", "json", "class"),  # of json.decoder
        ("math.sqrt", "math", "function"),
        ("heapq.heappush", "heapq", "function"),
        ("socket.socket", "socket", "class"),
        ("socket.socket.connect", "socket", "method"),  # of a base class written in C
        ("collections.abc.Mapping", "collections.abc", "class"),  # of _collections_abc
        ("asyncio.run", "asyncio", "function"),  # by star import
        ("concurrent.futures.ThreadPoolExecutor", "concurrent.futures", "class"),  # imported late
        ("random.choice", "random", "function"),  # method of a hidden instance
        ("argparse.ArgumentParser.add_argument", "argparse", "method"),  # of a private base
        ("pathlib.Path.read_text", "pathlib", "method"),
        ("unittest.TestCase.assertRaises", "unittest", "method"),
        ("str.split", "builtins", "method"),
        ("print", "builtins", "function"),
        ("open", "builtins", "function"),
        ("OSError", "builtins", "class"),
        ("json", "json", "module"),
        ("datetime.date.year", "datetime", "property") if sys.version_info < (3, 12)
        else ("pathlib.PurePath.name", "pathlib", "property"),
    ],
)  # fmt: skip
def test_things_have_the_name_that_people_use(
    corpus: dict[str, dict[str, Any]], name: str, module: str, kind: str
) -> None:
    assert (corpus[name]["module"], corpus[name]["kind"]) == (module, kind)


@pytest.mark.parametrize(
    "name",
    ["posixpath.join", "genericpath.exists", "json.decoder.JSONDecoder", "random.Random.choice",
     "socket.SocketType", "IOError", "builtins.print", "unittest.case.TestCase"],
)  # fmt: skip
def test_second_names_are_left_out(corpus: dict[str, dict[str, Any]], name: str) -> None:
    assert name not in corpus


def test_nothing_private_empty_or_unstorable_is_in_the_corpus(
    corpus: dict[str, dict[str, Any]],
) -> None:
    for name, document in corpus.items():
        assert not any(part.startswith("_") for part in name.split(".")), name
        assert document["text"].strip(), name
        document["text"].encode("utf-8")
        assert " object at 0x" not in document["signature"], name
        assert name.split(".")[0] not in {"test", "idlelib", "turtledemo", "lib2to3", "ensurepip"}


def test_collecting_imports_no_module_that_does_something_when_imported() -> None:
    code = (
        "import sys; from rank_retrieve.cli.demo_corpus import collect; collect(); "
        "print(sorted({'antigravity', 'this', 'idlelib', 'test', 'turtle', 'tkinter', 'numba'}"
        " & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"


def test_garbage_collection_is_on_again_even_after_an_error() -> None:
    def fail(done: int, total: int) -> None:
        assert not gc.isenabled()
        raise KeyError

    with pytest.raises(KeyError):
        collect(fail)
    assert gc.isenabled()


# --------------------------------------------------------------------------- names in source


def test_all_may_be_a_list_a_sum_an_extension_or_that_of_another_module(tmp_path: Path) -> None:
    tree = tree_of(
        tmp_path,
        pkg="from . import a, b\nfrom .a import *\nfrom .b import *\n"
        "__all__ = a.__all__ + b.__all__\n__all__ += ('c',)\n__all__.append('d')\n"
        "__all__.extend(['e'])\n",
        pkg__a="__all__ = ['x']\ndef x(): 'X.'\ndef not_listed(): 'N.'\n",
        pkg__b="__all__ = ('y',)\ndef y(): 'Y.'\n",
        front="from pkg import *\nfrom pkg import __all__\n",
    )
    assert tree.public_names(tree.modules["pkg"]) == ["x", "y", "c", "d", "e"]
    assert tree.public_names(tree.modules["front"]) == ["x", "y", "c", "d", "e"]
    assert tree.resolve("front", "x") == ("pkg.a", "x")
    assert tree.resolve("pkg", "missing") is None


def test_without_all_what_has_no_underscore_or_comes_from_a_private_module_is_public(
    tmp_path: Path,
) -> None:
    tree = tree_of(
        tmp_path,
        pkg="from ._inner import Thing as Renamed\nfrom os import path\nimport sys\n"
        "def own(): 'O.'\ndef _hidden(): 'H.'\n",
        pkg___inner="class Thing: 'T.'\n",
    )
    assert tree.public_names(tree.modules["pkg"]) == ["own", "Renamed"]
    assert tree.resolve("pkg", "Renamed") == ("pkg._inner", "Thing")


def test_modules_that_quote_each_other_come_to_an_end(tmp_path: Path) -> None:
    tree = tree_of(
        tmp_path,
        one="from two import *\nfrom two import __all__\nfrom two import x\ndef y(): 'Y.'\n",
        two="from one import *\nfrom one import __all__\nfrom one import x\n",
    )
    assert tree.public_names(tree.modules["one"]) == ["y"]
    assert tree.resolve("one", "x") is None


def test_of_two_definitions_the_one_with_a_docstring_counts(tmp_path: Path) -> None:
    tree = tree_of(
        tmp_path,
        m="try:\n    import nothing\nexcept ImportError:\n    def f(): pass\n"
        "else:\n    def f(): 'F.'\n",
    )
    assert [doc for _, _, doc in tree.members(("m", "f"))] == []
    node = tree.definition(("m", "f"))
    assert node.body[0].value.value == "F."  # type: ignore[attr-defined]


def test_members_are_documented_public_and_bases_are_followed(tmp_path: Path) -> None:
    tree = tree_of(
        tmp_path,
        m="class _Base:\n    def b(self): 'B.'\n"
        "class C(_Base):\n    def c(self, x: int = 1) -> str: 'C.'\n    def bare(self): pass\n"
        "    def _p(self): 'P.'\n    def __init__(self, y): pass\n",
    )
    members = list(tree.members(("m", "C")))
    assert [(name, doc) for name, _, doc in members] == [("c", "C.")]
    assert signature_of(members[0][1]) == "(self, x: int=1) -> str"
    assert signature_of(tree.definition(("m", "C"))) == "(self, y)"
    assert tree.bases(("m", "C")) == [("m", "_Base")]


def test_a_file_that_is_not_python_is_no_module(tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text("def (:")
    assert parse_module("bad", file) is None


# --------------------------------------------------------------------------- questions


def test_there_are_at_least_70_questions_each_with_1_to_6_graded_answers() -> None:
    queries = load_queries()
    assert len(queries) >= 70
    assert len({query.id for query in queries}) == len(queries)
    assert len({query.text for query in queries}) == len(queries)
    for query in queries:
        assert 1 <= len(query.relevant) <= 6, query.id
        assert set(query.relevant.values()) <= {1, 2}, query.id
        assert 2 in query.relevant.values(), query.id


def test_every_answer_is_in_the_corpus(corpus: dict[str, dict[str, Any]]) -> None:
    answers = {name for query in load_queries() for name in query.relevant}
    assert answers - set(corpus) == set()


def test_questions_are_spread_over_many_modules(corpus: dict[str, dict[str, Any]]) -> None:
    answers = {name for query in load_queries() for name in query.relevant}
    assert len({corpus[name]["module"] for name in answers}) >= 60


def test_no_question_is_copied_from_an_answer(corpus: dict[str, dict[str, Any]]) -> None:
    def letters(text: str) -> str:
        return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())

    for query in load_queries():
        if len(query.text.split()) > 3:
            for name in query.relevant:
                assert letters(query.text) not in letters(corpus[name]["text"]), query.text
