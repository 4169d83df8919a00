"""Text with citations, as Markdown, HTML and LaTeX.

A citation stands in the text as ``{{key key}}``, the keys being those of the bibliography.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_CITATION = re.compile(r"\{\{([\w ]+)\}\}")
_ENTRY = re.compile(r"@\w+\{(?P<key>\w+),\n(?P<fields>.*?)\n\}", re.DOTALL)
_FIELD = re.compile(r"^\s*(\w+) = \{(.*)\},?$", re.MULTILINE)
_ACCENTS = {r"{\'e}": "é", r"{\"o}": "ö"}
_LATEX = {
    "\\": r"\textbackslash{}",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "×": r"$\times$",
    "³": r"\textsuperscript{3}",
}
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~$@])")


@dataclass(frozen=True)
class Reference:
    """An entry of the bibliography.

    Parameters
    ----------
    key
        What the text cites it by.
    authors
        Family names.
    year, title
        As published.
    journal
        Where; of a book, its publisher.
    doi
        Empty where it has none, or none is known.
    bibtex
        The entry as it stands.
    """

    key: str
    authors: tuple[str, ...]
    year: str
    title: str
    journal: str
    doi: str
    bibtex: str

    @property
    def short(self) -> str:
        """Author and year."""
        if len(self.authors) == 1 and not self._has_others:
            return f"{self.authors[0]}, {self.year}"
        if len(self.authors) == 2 and not self._has_others:
            return f"{self.authors[0]} & {self.authors[1]}, {self.year}"
        return f"{self.authors[0]} et al., {self.year}"

    @property
    def _has_others(self) -> bool:
        return " and others}" in self.bibtex

    @property
    def full(self) -> str:
        """The line of a list of references."""
        more = len(self.authors) > 6 or self._has_others
        names = ", ".join(self.authors[:6]) + (" et al." if more else "")
        doi = f" {self.link}" if self.doi else ""
        return f"{names} ({self.year}). {self.title}. {self.journal}.{doi}"

    @property
    def link(self) -> str:
        """Return the address of the DOI, empty where there is none."""
        return f"https://doi.org/{self.doi}" if self.doi else ""


@cache
def bibliography() -> dict[str, Reference]:
    """Every reference that a text may cite, by key."""
    text = (files("fcnm_bids.data") / "report" / "references.bib").read_text(encoding="utf-8")
    found = {}
    for entry in _ENTRY.finditer(text):
        fields = {name: _plain(value) for name, value in _FIELD.findall(entry["fields"])}
        authors = tuple(
            name.split(",")[0] for name in fields["author"].split(" and ") if name != "others"
        )
        found[entry["key"]] = Reference(
            entry["key"],
            authors,
            fields["year"],
            fields["title"],
            fields.get("journal") or fields["publisher"],
            fields.get("doi", ""),
            entry[0],
        )
    return found


def cited(paragraphs: Sequence[str]) -> list[Reference]:
    """The references of a text, in the order of their first mention."""
    keys = [
        key for text in paragraphs for found in _CITATION.findall(text) for key in found.split()
    ]
    return [bibliography()[key] for key in dict.fromkeys(keys)]


def to_markdown(title: str, paragraphs: Sequence[str]) -> str:
    """The text as Markdown, citations as author and year, with a list of references."""

    def escape(text: str) -> str:
        return _MARKDOWN.sub(r"\\\1", text)

    lines = [f"# {title}", ""]
    for paragraph in paragraphs:
        lines += [_each(paragraph, escape, lambda refs: f"({_listed(refs)})"), ""]
    lines += ["## References", "", *(f"* {escape(r.full)}" for r in cited(paragraphs)), ""]
    return "\n".join(lines)


def to_plain(paragraph: str) -> str:
    """Return a paragraph without markup, citations as author and year."""
    return _each(paragraph, str, lambda refs: f"({_listed(refs)})")


def to_html(title: str, paragraphs: Sequence[str], level: int = 1) -> str:
    """The text as a piece of HTML; with `level` 1 a page by itself."""

    def one(text: str) -> str:
        return _each(text, html.escape, lambda refs: f"({html.escape(_listed(refs))})")

    body = "".join(f"<p>{one(paragraph)}</p>\n" for paragraph in paragraphs)
    listed = "".join(f"<li>{_linked(r)}</li>\n" for r in cited(paragraphs))
    below = f'<h{level + 1}>References</h{level + 1}>\n<ul class="references">\n{listed}</ul>\n'
    if level > 1:
        return body + below
    head = f'<meta charset="utf-8">\n<title>{html.escape(title)}</title>'
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n'
        f"<h1>{html.escape(title)}</h1>\n{body}{below}</body>\n</html>\n"
    )


def to_latex(title: str, paragraphs: Sequence[str]) -> str:
    """The text as a LaTeX document that cites from ``CITATION.bib``."""

    def escape(text: str) -> str:
        return "".join(_LATEX.get(letter, letter) for letter in text)

    def cite(references: Sequence[Reference]) -> str:
        return "\\citep{" + ",".join(r.key for r in references) + "}"

    body = "\n\n".join(_each(paragraph, escape, cite) for paragraph in paragraphs)
    return (
        "\\documentclass{article}\n\\usepackage[utf8]{inputenc}\n\\usepackage[T1]{fontenc}\n"
        "\\usepackage{natbib}\n\\begin{document}\n"
        f"\\section*{{{escape(title)}}}\n\n{body}\n\n"
        "\\bibliographystyle{plainnat}\n\\bibliography{CITATION}\n\\end{document}\n"
    )


def to_bibtex(paragraphs: Sequence[str]) -> str:
    """The entries that a text cites."""
    return "\n\n".join(reference.bibtex for reference in cited(paragraphs)) + "\n"


def as_data(text: str) -> str:
    """A name from a table, made so that it cannot pass for a citation."""
    return text.replace("{{", "{ {").replace("}}", "} }")


def number_of(n: int, singular: str, plural: str | None = None) -> str:
    """A number and its noun."""
    return f"{n} {singular if n == 1 else plural or singular + 's'}"


def was(n: int) -> str:
    """The verb that goes with a number."""
    return "was" if n == 1 else "were"


def _each(
    text: str, escape: Callable[[str], str], cite: Callable[[Sequence[Reference]], str]
) -> str:
    parts = _CITATION.split(text)
    for number, part in enumerate(parts):
        if number % 2:
            parts[number] = cite([bibliography()[key] for key in part.split()])
        else:
            parts[number] = escape(part)
    return "".join(parts)


def _linked(reference: Reference) -> str:
    address = html.escape(reference.link)
    line = html.escape(reference.full)
    return line.replace(address, f'<a href="{address}">{address}</a>') if address else line


def _listed(references: Sequence[Reference]) -> str:
    return "; ".join(reference.short for reference in references)


def _plain(value: str) -> str:
    for code, letter in _ACCENTS.items():
        value = value.replace(code, letter)
    return value.replace("{", "").replace("}", "").replace("--", "–")
