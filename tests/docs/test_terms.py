"""One word for one thing: README, docs, help and messages keep to the table in CONTRIBUTING."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fcnm_bids.cli.parser import build_parser
from tests.docs.pages import PAGES, REPOSITORY, name_of

FREE = re.compile(
    r"```.*?```"  # blocks of code
    r"|`[^`\n]*`"
    r'|"[^"\n]*"|\*"[^"]*"\*'  # what is printed
    r"|^\*[^*\n].*\*$"  # quoted sentences, in italics
    r"|\]\([^)]*\)|<[^>]+>",
    re.DOTALL | re.MULTILINE,
)
OF_PARTICIPANTS = {"people", "person", "persons"}


def banned() -> list[str]:
    """The words in the last column of the table of words."""
    section = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Words")[1]
    rows = [line for line in section.split("\n## ")[0].splitlines() if line.startswith("| ")]
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row.rsplit(" | ", 1)[-1])]


def found(text: str, words: list[str]) -> Iterator[str]:
    """Return banned words with what stands around them."""
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b", re.IGNORECASE)
    for match in pattern.finditer(text):
        around = text[max(0, match.start() - 40) : match.end() + 40]
        yield " ".join(around.split())


def test_the_table_has_words() -> None:
    assert len(banned()) > 10
    assert set(banned()) >= OF_PARTICIPANTS


PROSE = [page for page in PAGES if page.name != "changes.md"]


@pytest.mark.parametrize("page", PROSE, ids=[name_of(page) for page in PROSE])
def test_pages_keep_to_the_words(page: Path) -> None:
    prose = FREE.sub(" ", page.read_text(encoding="utf-8"))
    assert list(found(prose, banned())) == []


def test_help_keeps_to_the_words() -> None:
    helps = {
        action.dest: action.help
        for action in build_parser()._actions
        if action.help and action.help != argparse.SUPPRESS
    }
    wrong = {dest: list(found(FREE.sub(" ", text), banned())) for dest, text in helps.items()}
    assert {dest: words for dest, words in wrong.items() if words} == {}


def test_messages_speak_of_participants() -> None:
    messages = (REPOSITORY / "docs" / "messages.md").read_text(encoding="utf-8")
    assert list(found(messages, sorted(OF_PARTICIPANTS))) == []
