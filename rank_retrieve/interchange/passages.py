"""Plain text and Markdown, split into passages of 100 to 200 words.

A passage ends where a heading begins, else at the end of a paragraph; only a paragraph longer
than a whole passage is cut, at the end of a sentence where there is one. Passages do not
overlap, and together they hold all of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rank_retrieve.interchange.document import Located
from rank_retrieve.interchange.lines import BadRecord, OnError, read_lines

MIN_WORDS = 100
MAX_WORDS = 200
CHARACTERS_PER_WORD = 12  # an upper estimate, for scripts that put no spaces between words

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n")


class Block(NamedTuple):
    """A heading (level 1 to 6) or a paragraph (level 0), with the line on which it begins."""

    level: int
    text: str
    line: int


class Passage(NamedTuple):
    """Consecutive paragraphs below one heading."""

    heading: str
    text: str
    line: int


def read_text(file: Path, name: str, relative: str, on_error: OnError) -> Iterator[Located]:
    """Passages of a plain text file."""
    return _documents(passages(_plain_blocks(_usable(file, name, on_error))), name, relative)


def read_markdown(file: Path, name: str, relative: str, on_error: OnError) -> Iterator[Located]:
    """Passages of a Markdown file, with the path of headings above each."""
    return _documents(passages(_markdown_blocks(_usable(file, name, on_error))), name, relative)


def _documents(found: Iterator[Passage], name: str, relative: str) -> Iterator[Located]:
    file_name = relative.rpartition("/")[2]
    for number, passage in enumerate(found, 1):
        document = {
            "id": f"{relative}#{number}",
            "title": passage.heading or file_name,
            "text": passage.text,
            "path": relative,
        }
        if passage.heading:
            document["heading"] = passage.heading
        yield Located(document, name, passage.line)


def _usable(file: Path, name: str, on_error: OnError) -> Iterator[tuple[int, str]]:
    """Numbered lines up to the first that cannot be used: it says that this is not text."""
    for line in read_lines(file):
        reason = line.error or ("holds a NUL, so it is not text" if "\0" in line.text else None)
        if reason is not None:
            on_error(BadRecord(name, line.number, f"{reason}; the rest of the file is left out"))
            return
        yield line.number, line.text


def _plain_blocks(lines: Iterator[tuple[int, str]]) -> Iterator[Block]:
    paragraph = _Paragraph()
    for number, text in lines:
        if not text.strip():
            yield from paragraph.take()
        else:
            yield from paragraph.add(number, text)
    yield from paragraph.take()


def _markdown_blocks(lines: Iterator[tuple[int, str]]) -> Iterator[Block]:
    paragraph = _Paragraph()
    fence = ""
    in_front_matter = False
    for number, text in lines:
        if in_front_matter or (number == 1 and text.rstrip() == "---"):
            in_front_matter = number == 1 or text.rstrip() not in ("---", "...")
            continue
        opened = _FENCE.match(text)
        if fence:
            yield from paragraph.add(number, text)
            if opened and opened[1].startswith(fence) and not text.strip(" `~\t"):
                fence = ""
                yield from paragraph.take()
        elif opened:
            yield from paragraph.take()
            fence = opened[1]
            yield from paragraph.add(number, text)
        elif heading := _HEADING.fullmatch(text):
            yield from paragraph.take()
            yield Block(len(heading[1]), (heading[2] or "").strip(), number)
        elif (underline := _UNDERLINE.fullmatch(text)) and paragraph.n_lines == 1:
            title, line = paragraph.lines[0].strip(), paragraph.line
            paragraph.clear()
            yield Block(1 if underline[1].startswith("=") else 2, title, line)
        elif not text.strip():
            yield from paragraph.take()
        else:
            yield from paragraph.add(number, text)
    yield from paragraph.take()


class _Paragraph:
    """Lines of the paragraph being read; handed out early when it grows beyond a passage."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.lines: list[str] = []
        self.line = 0
        self.n_lines = 0
        self._size = 0

    def add(self, number: int, text: str) -> Iterator[Block]:
        if not self.lines:
            self.line = number
        self.lines.append(text.rstrip())
        self.n_lines += 1
        self._size += size_of(text)
        if self._size > 4 * MAX_WORDS:
            yield from self.take()

    def take(self) -> Iterator[Block]:
        text = "\n".join(self.lines).strip("\n")
        line = self.line
        self.clear()
        if text.strip():
            yield Block(0, text, line)


def passages(blocks: Iterator[Block]) -> Iterator[Passage]:
    """Paragraphs gathered below their headings."""
    path: list[tuple[int, str]] = []
    texts: list[str] = []
    size = line = 0

    def gathered() -> Iterator[Passage]:
        if texts:
            heading = " > ".join(title for _, title in path if title)
            yield Passage(heading, "\n\n".join(texts), line)
            texts.clear()

    for block in blocks:
        if block.level:
            yield from gathered()
            size = 0
            path = [above for above in path if above[0] < block.level]
            path.append((block.level, block.text))
            continue
        for text in pieces(block.text):
            added = size_of(text)
            if texts and (size >= MIN_WORDS or size + added > MAX_WORDS):
                yield from gathered()
                size = 0
            if not texts:
                line = block.line
            texts.append(text)
            size += added
    yield from gathered()


def size_of(text: str) -> int:
    """Words, or what would be as long where words are not told apart by spaces."""
    return max(len(text.split()), len(text) // CHARACTERS_PER_WORD)


def pieces(text: str) -> Iterator[str]:
    """The text itself, or, longer than a passage, parts of at most MAX_WORDS words."""
    if size_of(text) <= MAX_WORDS:
        yield text
        return
    start = end = 0
    for stop in [*(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]:
        if size_of(text[start:stop]) > MAX_WORDS:
            if end > start:
                yield text[start:end].strip()
                start = end
            while size_of(text[start:stop]) > MAX_WORDS:
                cut = _cut(text, start)
                yield text[start:cut].strip()
                start = cut
        end = stop
    if text[start:].strip():
        yield text[start:].strip()


def _cut(text: str, start: int) -> int:
    """Where to cut a sentence that is too long by itself: between words if there are words."""
    limit = start + MAX_WORDS * CHARACTERS_PER_WORD
    words = list(re.finditer(r"\S+\s*", text[start:limit]))[:MAX_WORDS]
    if len(words) > 1:
        last = words[-1] if len(words) == MAX_WORDS else words[-2]
        return start + last.end()
    return min(limit, len(text))
