from __future__ import annotations

import numpy as np
import pytest

from fcnm_bids.errors import RequestError
from fcnm_bids.stats import Design, design_of

PARTICIPANTS = ["01", "02", "03", "04", "05", "06"]
AGE = ["20", "31", "25", "40", "52", "28"]
SITE = ["B", "A", "C", "A", "B", "C"]


def design(categorical: frozenset[str] = frozenset(), **covariates: list[str]) -> Design:
    return design_of(covariates, PARTICIPANTS, categorical)


def refused(categorical: frozenset[str] = frozenset(), **covariates: list[str]) -> tuple[str, ...]:
    with pytest.raises(RequestError) as error:
        design(categorical, **covariates)
    return error.value.problems


def test_numbers_are_one_column_and_levels_all_but_the_first() -> None:
    found = design(age=AGE, site=SITE)
    assert found.names == ("age", "site[B]", "site[C]")
    np.testing.assert_allclose(found.columns.mean(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(found.columns.std(axis=0), 1)
    assert np.corrcoef(found.columns[:, 0], [float(a) for a in AGE])[0, 1] == pytest.approx(1)
    np.testing.assert_array_equal(found.columns[:, 1] > 0, [s == "B" for s in SITE])
    assert "A, B, C, the first as reference" in found.coding[1]


def test_codes_of_levels_are_no_numbers() -> None:
    assert design(site=["1", "2", "3", "1", "2", "3"]).names == ("site",)
    coded = design(frozenset({"site"}), site=["1", "2", "3", "1", "2", "3"])
    assert coded.names == ("site[2]", "site[3]")


@pytest.mark.parametrize("strange", ["37 years", "38,5", "unknown", "inf", "1e400", "1e200", "1_0"])
def test_one_bad_cell_makes_no_levels_of_numbers(strange: str) -> None:
    (problem,) = refused(age=[strange, "31", "25", "40", "52", strange])
    assert problem.startswith(f"covariate age: '{strange}' (sub-01, sub-06) is not a number; ")


def test_decimal_commas_are_named_even_where_all_have_them() -> None:
    (problem,) = refused(age=["20,1", "31,5", "25,0", "40,2", "52,9", "unknown"])
    assert "'20,1' (sub-01), '31,5' (sub-02)" in problem
    assert "'unknown' (sub-06) are not numbers" in problem


def test_what_has_units_has_to_be_a_number() -> None:
    years = [f"{age} years" for age in AGE]
    with pytest.raises(RequestError, match=r"'20 years' \(sub-01\)"):
        design_of({"age": years}, PARTICIPANTS, frozenset(), frozenset({"age"}))


def test_levels_that_python_takes_for_numbers_are_levels() -> None:
    site = ["1_1", "1_2", "2_1", "1_1", "1_2", "2_1"]
    assert design(site=site).names == ("site[1_2]", "site[2_1]")


@pytest.mark.parametrize("step", [2.0**-52, 1e-13])
def test_numbers_that_differ_by_rounding_alone_are_refused(step: float) -> None:
    (problem,) = refused(age=[repr(1.0), repr(1 + step), *["1"] * 4])
    assert problem.endswith("leave it out")


@pytest.mark.parametrize("scale", [1e98, 1e-98])
def test_columns_do_not_depend_on_the_unit(scale: float) -> None:
    found = design(age=[repr(scale * float(age)) for age in AGE])
    np.testing.assert_allclose(found.columns, design(age=AGE).columns)


def test_mostly_numeric_levels_are_taken_where_they_are_listed() -> None:
    coded = design(frozenset({"scanner"}), scanner=["1", "2", "2", "1", "2", "1b"])
    assert coded.names == ("scanner[1b]", "scanner[2]")


def test_missing_values_name_their_participants() -> None:
    (problem,) = refused(age=["20", "n/a", "25", "", "52", "28"])
    assert problem == "covariate age: no value for sub-02, sub-04"


def test_all_problems_are_listed() -> None:
    problems = refused(age=["n/a", *AGE[1:]], sex=["F"] * 6)
    assert len(problems) == 2
    assert problems[1] == "covariate sex: the same for all participants (F); leave it out"


def test_a_covariate_that_follows_from_others_is_named() -> None:
    months = [str(12 * int(age) + 3) for age in AGE]
    (problem,) = refused(age=AGE, site=SITE, months=months)
    assert problem == "covariate months: is determined by age, site[B], site[C]; leave one out"


def test_more_columns_than_participants_can_tell_apart() -> None:
    # with 6 participants, 1 + 5 columns leave nothing
    (problem,) = refused(name=["a", "b", "c", "d", "e", "f"])
    assert problem.startswith("6 participants are too few for an intercept and 5 covariate columns")
    assert problem.endswith("; name fewer covariates")


def test_no_covariates_are_a_design_too() -> None:
    found = design()
    assert found.columns.shape == (6, 0)
    assert found.names == ()


def test_levels_that_differ_in_spelling_only_are_refused_with_both_participants() -> None:
    values = ["Bochum", "Essen", "bochum ", "Essen"]
    with pytest.raises(RequestError, match=r"covariate site 'Bochum' \(sub-1\) and .* \(sub-3\)"):
        design_of({"site": values}, list("1234"), frozenset())
