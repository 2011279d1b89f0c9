"""Reads the Markdown documents of the project: code blocks, commands, links and headings."""

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FOLDERS = ("charts", "dashboards", "docs", "k8s-local", "requirements", "services", "tests")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))])

PROGRAMS_IN_PROSE = ("make", "lea-payments", "lea-demo", "skaffold", "helm", "kubectl")
"""Inline code that starts with one of these is a command, and is checked like one in a block."""

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_SEPARATORS = {"|", "&&", "||", ";", "&"}


class Block(NamedTuple):
    """One fenced code block."""

    document: Path
    language: str
    text: str

    def __str__(self) -> str:
        return f"{name_of(self.document)}: {self.text.partition(chr(10))[0][:50]}"


class Command(NamedTuple):
    """One command with its arguments, as the shell would split it."""

    document: Path
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{name_of(self.document)}: {' '.join(self.words)[:80]}"


def name_of(document: Path) -> str:
    """The document's path in the project."""
    return str(document.relative_to(ROOT))


def blocks(document: Path) -> Iterator[Block]:
    """The fenced code blocks of a document."""
    text = document.read_text()
    assert text.count("```") == 2 * len(_FENCE.findall(text)), f"an unclosed code block in {name_of(document)}"
    for _, language, body in _FENCE.findall(text):
        yield Block(document, language, body)


def prose(document: Path) -> str:
    """A document without its code blocks."""
    return _FENCE.sub("", document.read_text())


def inline_code(document: Path) -> list[str]:
    """The inline code of a document, without the chart's generated table of values."""
    return _INLINE.findall(re.sub(r"<!-- values -->.*<!-- /values -->", "", prose(document), flags=re.DOTALL))


def links(document: Path) -> list[str]:
    """The targets of all links and pictures."""
    return [*_LINK.findall(prose(document)), *re.findall(r'src="([^"]+)"', prose(document))]


def anchors(document: Path) -> set[str]:
    """The anchors of the headings, as GitHub forms them."""
    titles = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in _HEADING.findall(prose(document))]
    return set(titles)


def block_commands(document: Path) -> Iterator[Command]:
    """The commands in the shell blocks of a document."""
    for block in blocks(document):
        if block.language == "sh":
            for line in logical_lines(block.text):
                yield from _commands_of(document, line)


def commands(document: Path) -> Iterator[Command]:
    """The commands of a document, in its blocks and in its prose."""
    yield from block_commands(document)
    if document.name == "CHANGELOG.md":  # its prose names commands that no longer exist
        return
    for code in inline_code(document):
        first, _, rest = code.partition(" ")
        if first.rpartition("/")[2] in PROGRAMS_IN_PROSE and rest:
            yield from _commands_of(document, code)


def logical_lines(text: str) -> Iterator[str]:
    """The lines of a shell script, with continued lines and multi-line strings joined."""
    pending = ""
    for line in text.replace("\\\n", " ").splitlines():
        pending = f"{pending}\n{line}" if pending else line
        try:
            words = shlex.split(pending, comments=True)
        except ValueError:  # a string that continues on the next line
            continue
        if words:
            yield pending
        pending = ""
    assert not pending, f"an unclosed string: {pending}"


def _commands_of(document: Path, line: str) -> Iterator[Command]:
    reader = shlex.shlex(line, posix=True, punctuation_chars="|&;")
    reader.whitespace_split = True
    words: list[str] = []
    for word in [*reader, ";"]:
        if word not in _SEPARATORS:
            words.append(word)
            continue
        yield from (Command(document, tuple(part)) for part in _without_wrappers(words))
        words = []


def _without_wrappers(words: Sequence[str]) -> Iterator[Sequence[str]]:
    """The command itself, without variables in front, and the command that `kubectl exec … --` runs in a pod."""
    while words and re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    if not words:
        return
    if words[0] == "kubectl" and "--" in words:
        place = words.index("--")
        yield words[:place]
        yield words[place + 1 :]
    else:
        yield (words[0].rpartition("/")[2], *words[1:])
