"""The page on specificity has every sentence that can be printed, and no other."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from fcnm_bids.specificity import (
    FOCUS_NULLS,
    LabelTest,
    MapComparison,
    NullAssessment,
    SimilarityTest,
    SplitTest,
    Strength,
    degree_sentence,
    label_sentence,
    null_sentence,
    similarity_sentence,
    split_sentence,
    verdict,
    withheld_sentence,
)
from tests.docs.pages import REPOSITORY, tokens
from tests.docs.test_messages import FEWEST_WORDS, constant_part, texts, words

PAGE = REPOSITORY / "docs" / "specificity.md"
MODULES = ("interpretation.py", "verdict.py")

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?")


def without_numbers(text: str) -> str:
    return _NUMBER.sub("#", text)


def listed() -> list[str]:
    """Sentences in the first cells of the page's tables, without numbers."""
    cells: list[str] = []
    first = False
    for token in tokens(PAGE):
        if token.type == "tr_open":
            first = True
        elif token.type == "inline" and first and token.content.startswith('"'):
            cells.append(without_numbers(token.content.strip('"')))
        elif token.type == "td_close":
            first = False
    return cells


def degree() -> Iterator[str]:
    columns = ("r_positive", "r_signed", "r_eigenvector", "r_eigenvector2", "r_eigenvector3")
    for strongest in columns:
        row = dict.fromkeys(columns, 0.1) | {strongest: 0.7, "r2": 0.5}
        hubs = row | {"r_positive": -0.8}
        yield degree_sentence({"probability": row, "mean": hubs})
    draws = np.linspace(-1, 1, 39)[:, None]
    for r in (-0.7, 0.0, 0.7):
        drawn = MapComparison((strongest,), ("pearson",), np.array([r]), draws, np.array([500]))
        yield degree_sentence({"probability": row, "mean": row}, drawn)
    nothing = dict.fromkeys((*columns, "r2"), math.nan)
    yield degree_sentence({"probability": nothing, "mean": row})


def nulls() -> Iterator[str]:
    network = np.ones(400, dtype=bool)
    for null, match in (("random", "strata"), ("strength", "strata"), ("strength", "nearest20")):
        foci = FOCUS_NULLS[null].expected({"strength_match": match})
        for n_beyond, n_draws in ((200, 99), (1, 99), (0, 99), (0, 9)):
            p = np.where(np.arange(400) < n_beyond, 0.01, 0.5)
            none = np.zeros(0, dtype=np.int64)
            found = NullAssessment(n_draws, p, p, p, none, np.zeros((0, 0), int), none, (0.0,))
            yield null_sentence(foci, found, network, 0.05)
    yield null_sentence(foci, replace(found, n_draws=99), ~network, 0.05)
    none = np.zeros(0)
    strength = Strength(none, none, np.zeros((3, 0)), (), 1, 0.0, none, none, 12, 0.41)
    for half in (0.41, math.nan):
        yield withheld_sentence(replace(strength, half_correlation=half), 0.9) or ""


def labels() -> Iterator[str]:
    p = np.array([0.01, 0.04, 0.2, np.nan, 0.01])
    difference = np.array([0.5, 0.4, 0.1, np.nan, -0.5])
    found = LabelTest(difference, p, p, p, 256, 256, True, 2 / 256)
    first, second = np.arange(5) < 4, np.arange(5) == 4
    for pair in ((first, second), (second, np.arange(5) == 2), (first & False, second)):
        yield label_sentence("A", "B", found, pair, 0.05)
    yield label_sentence("A", "B", replace(found, p_fwe=p + 0.5), (first, second), 0.05)
    five = replace(found, n_labellings=32, n_possible=32, smallest_p=2 / 32)
    few = replace(found, n_labellings=10, n_possible=2016, exact=False, smallest_p=0.1)
    for own in (five, few):
        yield label_sentence("A", "B", own, (first, second), 0.05)
    for share, n in ((0.01, 100), (0.2, 100), (0.25, 4), (np.nan, 1)):
        r, is_first = np.array([0.5, 0.3]), np.array([True, False])
        like = SimilarityTest(r, r - 0.2, np.arange(2), is_first, 0.2, share, n, n, True)
        yield similarity_sentence("A", "B", like, 0.05)
    yield split_sentence("A", "B", SplitTest(4, (0, 2, 0, 1), (3, 0)))


def lines() -> Iterator[str]:
    made = {"share_surviving": 0.4, "min_pfwe": 0.01, "verdict": "", "withheld": False}
    unknown = made | {"share_surviving": math.nan}
    every = dict.fromkeys(("labels", "strength", "random"), made)
    yield verdict("A", 12, 96.0, every, 0.95, 0.7)["Line"]
    yield verdict("A", 12, 96.0, every | {"strength": made | {"withheld": True}}, 0.6, 0.7)["Line"]
    yield verdict("A", 12, 96.0, dict.fromkeys(every, unknown), 0.95, None)["Line"]
    yield verdict("A", 12, 96.0, {"random": made}, math.nan, None)["Line"]
    yield verdict("A", 12, 96.0, every, 0.95, 0.0)["Line"]
    for without in ([("A", 0), ("B", 0)], [("A", 9)], [(name, 0) for name in "ABCD"]):
        yield verdict("A", 12, 96.0, every, 0.95, 0.0, without)["Line"]
    for halves in ([0.3, 0.4], [0.3, math.nan], [math.nan]):
        for lowest in (0.7, None):
            yield verdict("A", 12, 96.0, every, 0.95, lowest, (), halves)["Line"]
    yield verdict("A", 0, 0.0, {}, 0.95, None)["Line"]


GENERATED = [
    *(without_numbers(sentence) for make in (degree, nulls, labels) for sentence in make()),
    *(without_numbers(part) for line in lines() for part in (line, *line.split("; "))),
]


def holds(row: str, sentence: str) -> bool:
    """Return whether a sentence is one of a row, in which ... stands for anything."""
    pattern = ".*".join(re.escape(part.strip()) for part in row.split("..."))
    return re.fullmatch(pattern, sentence) is not None


@pytest.mark.parametrize("row", listed())
def test_every_listed_sentence_can_be_printed(row: str) -> None:
    assert any(holds(row, sentence) for sentence in GENERATED)


@pytest.mark.parametrize("module", MODULES)
def test_every_text_of_the_code_is_generated_and_listed(module: str) -> None:
    path = REPOSITORY / "fcnm_bids" / "specificity" / module
    parts = {constant_part(text) for text in texts(ast.parse(path.read_text(encoding="utf-8")))}
    long = {without_numbers(part) for part in parts if len(words(part)) >= FEWEST_WORDS}
    page = without_numbers(PAGE.read_text(encoding="utf-8"))
    assert not {part for part in long if not any(part in sentence for sentence in GENERATED)}
    assert not {part for part in long if part not in page}


def test_every_sentence_on_specifications_is_listed() -> None:
    path = REPOSITORY / "fcnm_bids" / "robustness" / "specifications.py"
    functions = ast.parse(path.read_text(encoding="utf-8")).body
    told = [own for own in functions if getattr(own, "name", "") == "specification_sentences"]
    parts = {without_numbers(constant_part(text)) for own in told for text in texts(own)}
    long = {part for part in parts if len(words(part)) >= FEWEST_WORDS}
    page = without_numbers((REPOSITORY / "docs" / "multiverse.md").read_text(encoding="utf-8"))
    assert len(long) >= 5
    assert not {part for part in long if part not in page}
