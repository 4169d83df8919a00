"""Names that participants give, and when two of them are one."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_LOOK_ALIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТХУаеѕіјорсхуԁһӏ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοιν",
    "ABESIJKMHOPCTXYaesijopcxydhl" + "ABEZHIKMNOPTYXoiv",
)
"""Cyrillic and Greek letters that look as Latin ones do."""


def canonical(text: str) -> str:
    """Return a name in Unicode's composed form (NFC), each run of white space as one blank."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def unprintable(text: str) -> str | None:
    """Return the first character that no name can hold, as its code, or None.

    Control characters and those that turn the direction of writing make a name read as another.
    """
    for letter in text:
        kind = unicodedata.category(letter)
        turns = unicodedata.bidirectional(letter) in _TURNS
        if turns or kind in ("Cs", "Co") or (kind == "Cc" and not letter.isspace()):
            return f"U+{ord(letter):04X}"
    return None


_TURNS = {"LRE", "LRO", "RLE", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def skeleton(text: str) -> str:
    """Return what is left of a name without its spelling.

    Case, blanks, invisible characters, kinds of hyphen and quotation mark, compatibility forms
    (full width, ligatures), and letters of other scripts that look as Latin ones do.
    """
    folded = unicodedata.normalize("NFKC", text).translate(_LOOK_ALIKE).casefold()
    kept = []
    for letter in unicodedata.normalize("NFKC", folded):
        kind = unicodedata.category(letter)
        if kind in ("Pd", "Pi", "Pf") or letter in "\N{MINUS SIGN}'`\N{ACUTE ACCENT}\"":
            kept.append("-" if kind == "Pd" or letter == "\N{MINUS SIGN}" else "'")
        elif kind not in ("Cc", "Cf", "Zs", "Zl", "Zp") and not letter.isspace():
            kept.append(letter)
    return "".join(kept)


def look_alikes(named: Iterable[tuple[str, str]], what: str) -> list[str]:
    """Name the pairs of different names that are one but for their spelling.

    Parameters
    ----------
    named
        Names, each with the place where it stands.
    what
        What they name: ``study``.

    Returns
    -------
    list of str
        One line a pair, with both places; none where all is well.
    """
    first: dict[str, tuple[str, str]] = {}
    seen: set[str] = set()
    problems = []
    for name, place in named:
        if name in seen:
            continue
        seen.add(name)
        known, its_place = first.setdefault(skeleton(name), (name, place))
        if known != name:
            problems.append(
                f"{what} {_visible(known)} ({its_place}) and {what} {_visible(name)} ({place}) "
                "differ only in spelling: write them identically, or rename one"
            )
    return problems


def _visible(name: str) -> str:
    """Return a name quoted, characters that cannot be seen or told apart as their codes."""
    plain = name if skeleton(name) and name.isprintable() and _is_latin(name) else ascii(name)
    return plain if plain.startswith(("'", '"')) else repr(plain)


def _is_latin(name: str) -> bool:
    return name == name.translate(_LOOK_ALIKE) and unicodedata.is_normalized("NFKC", name)
