from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.report.methods.citations import (
    Reference,
    as_data,
    bibliography,
    cited,
    to_bibtex,
    to_html,
    to_latex,
    to_markdown,
)

TEXT = ["First {{yeo2011 schaefer2018}} and 50 % of a_b.", "Then {{yeo2011}}."]


def test_references_stand_in_the_order_of_their_first_mention() -> None:
    assert [r.key for r in cited(TEXT)] == ["yeo2011", "schaefer2018"]


def test_markdown_cites_author_and_year() -> None:
    text = to_markdown("Methods", TEXT)
    assert "First (Yeo et al., 2011; Schaefer et al., 2018) and 50 % of a\\_b." in text
    assert text.count("https://doi.org/") == 2


def test_latex_cites_keys_that_the_bibliography_has() -> None:
    text = to_latex("Methods", TEXT)
    assert "First \\citep{yeo2011,schaefer2018} and 50 \\% of a\\_b." in text
    keys = re.findall(r"@\w+\{(\w+),", to_bibtex(TEXT))
    assert keys == ["yeo2011", "schaefer2018"]


def test_html_is_a_page_by_itself_or_a_piece_of_one() -> None:
    assert to_html("Methods", TEXT).startswith("<!DOCTYPE html>")
    assert to_html("Methods", TEXT, level=2).startswith("<p>First (Yeo et al., 2011;")


WITHOUT_DOI = {"westfall1993", "zalesky2026"}


@pytest.mark.parametrize("reference", bibliography().values(), ids=lambda r: r.key)
def test_every_reference_is_whole(reference: Reference) -> None:
    for name in ("authors", "year", "title", "journal"):
        assert getattr(reference, name)
    assert "{" not in reference.full
    if reference.key in WITHOUT_DOI:
        assert not reference.doi
        assert "doi" not in reference.full
    else:
        assert re.fullmatch(r"10\.\d{4,}/\S+", reference.doi)
        assert reference.full.endswith(f"https://doi.org/{reference.doi}")


def test_authors_that_are_not_listed_are_hinted_at() -> None:
    assert bibliography()["petersen2026"].short == "Petersen et al., 2026"
    assert bibliography()["petersen2026"].full.startswith("Petersen et al. (2026)")
    assert bibliography()["zalesky2026"].short == "Zalesky & Cash, 2026"


@given(st.text())
def test_a_name_from_a_table_cannot_pass_for_a_citation(name: str) -> None:
    assert cited([as_data(name)]) == []


def test_what_is_markup_elsewhere_is_text() -> None:
    hostile = as_data("<b>*x*</b> {{yeo2011}} \\input{/etc/passwd} $x$")
    assert "<b>" not in to_html("Methods", [hostile])
    assert "\\input{" not in to_latex("Methods", [hostile])
    assert "\\*x\\*" in to_markdown("Methods", [hostile])
    assert cited([hostile]) == []
