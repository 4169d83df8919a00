"""The pages for users, and the commands and options on them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = (
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    REPOSITORY / "singularity" / "README.md",
)

SHELL = "sh"
LANGUAGES = (SHELL, "python", "text", "toml", "yaml")
"""What a fenced block may be in, beside a directive of Sphinx."""

PROGRAMS = ("fcnm-bids", "python", "make", "pip", "podman", "docker", "apptainer", "sbatch")
_COMMAND = re.compile(rf"(?:{'|'.join(PROGRAMS)}) ")


@dataclass(frozen=True)
class Block:
    """Something to type, and where it stands."""

    page: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def name_of(page: Path) -> str:
    """The page relative to the repository."""
    return page.relative_to(REPOSITORY).as_posix()


def tokens(page: Path) -> Iterator[Token]:
    """All tokens of a page, those within lines too; these have the lines of their paragraphs."""
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        yield token
        for child in token.children or ():
            child.map = token.map
            yield child


def blocks(page: Path) -> list[Block]:
    """Blocks of shell commands, fenced or indented, in order.

    A block of YAML that begins with a comment is the file that the comment names.
    """
    found = []
    for token in tokens(page):
        if token.type == "fence" and token.info.strip() == "yaml":
            file = token.content.split("\n", 1)[0].removeprefix("# ")
            written = f"cat > {file} << 'EOF'\n{token.content}EOF\n"
            found.append(Block(name_of(page), (token.map or [0])[0] + 1, written))
        fenced = token.type == "fence" and token.info.strip() == SHELL
        if fenced or (token.type == "code_block" and _COMMAND.match(token.content)):
            found.append(Block(name_of(page), (token.map or [0])[0] + 1, token.content))
    return found


def sessions(page: Path) -> list[Block]:
    """The blocks of each section as one: they are typed into the same shell."""
    found: list[Block] = []
    last = ""
    for block in blocks(page):
        heading = _section(page, block.line)
        if found and heading == last:
            found[-1] = replace(found[-1], text=found[-1].text + block.text)
        else:
            found.append(block)
        last = heading
    return found


def _section(page: Path, line: int) -> str:
    """The heading of the second level above a line."""
    above = page.read_text(encoding="utf-8").splitlines()[: line - 1]
    return next((text for text in reversed(above) if text.startswith("## ")), "")


def inline_commands(page: Path) -> list[Block]:
    """Commands within a line of text."""
    return [
        Block(name_of(page), (token.map or [0])[0] + 1, token.content)
        for token in tokens(page)
        if token.type == "code_inline" and _COMMAND.match(token.content)
    ]


def options(page: Path) -> list[Block]:
    """Options that the text speaks of."""
    return [
        Block(name_of(page), (token.map or [0])[0] + 1, option)
        for token in tokens(page)
        if token.type == "code_inline"
        for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", token.content)
    ]


def languages(page: Path) -> list[Block]:
    """What every fenced block says it is in."""
    return [
        Block(name_of(page), (token.map or [0])[0] + 1, token.info.strip())
        for token in tokens(page)
        if token.type == "fence"
    ]


def programs(page: Path, language: str = "python") -> list[Block]:
    """Blocks of a language."""
    return [
        Block(name_of(page), (token.map or [0])[0] + 1, token.content)
        for token in tokens(page)
        if token.type == "fence" and token.info.strip() == language
    ]
