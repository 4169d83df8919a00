"""Rich text holds any text, and nothing of it is a control word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.report.bundle.rtf import RichText, escape


def read_back(text: str) -> str:
    """Undo what a reader of rich text undoes."""
    found: list[int] = []
    for token in re.finditer(r"\\u(-?\d+)\?|\\(line|tab) |\\([\\{}])|([^\\{}])", text):
        code, word, plain, letter = token.groups()
        if code is not None:
            found.append(int(code) % 65536)
        elif word is not None:
            found.append(ord({"line": "\n", "tab": "\t"}[word]))
        else:
            found.append(ord(plain or letter))
    units = b"".join(unit.to_bytes(2, "little") for unit in found)
    return units.decode("utf-16-le")


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_what_is_escaped_reads_as_it_was(text: str) -> None:
    assert read_back(escape(text)) == text
    assert escape(text).isascii()


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        (r"{\field{\*\fldinst HYPERLINK}}", r"\{\\field\{\\*\\fldinst HYPERLINK\}\}"),
        ("a\x00b\x1bc\x7f\x85", "abc"),
        ("cm³", "cm\\u179?"),
        ("𝛼", "\\u-10187?\\u-8452?"),
        ("研究", "\\u30740?\\u31350?"),
        ("a\nb\tc", "a\\line b\\tab c"),
    ],
)
def test_control_characters_and_words(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_groups_are_closed(tmp_path: Path) -> None:
    document = RichText()
    document.heading("a } b {")
    document.paragraph("\\par")
    document.table("t", ["a", "b"], [["1", "}"], ["{", "\\"]])
    document.save(tmp_path / "a.rtf")
    plain = re.sub(r"\\[\\{}]", "", (tmp_path / "a.rtf").read_text(encoding="ascii"))
    depth = 0
    for letter in plain.strip():
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0
    assert plain.strip().endswith("}")
    assert plain.count(r"\row") == 3
