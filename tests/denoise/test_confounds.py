"""Reading confound tables and filling what derivatives cannot have."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.denoise import (
    Confounds,
    complete_confounds,
    load_strategy,
    nuisance_columns,
    read_confounds,
    reduce_confounds,
    restore_confounds,
)
from fcnm_bids.errors import RunError

REAL_TABLES = {
    "dfc_aomic_rest/sub-0001_task-restingstate_acq-mb3_desc-confounds_regressors.tsv": 480,
    "junifer_aomic_piop/sub-0001_task-anticipation_acq-seq_desc-confounds_regressors.tsv": 200,
    "nilearn/no_nonsteady_desc-confounds_regressors.tsv": 30,
    "nilearn/test-v21_desc-confounds_timeseries.tsv": 30,
    "nilearn/test_desc-confounds_regressors.tsv": 30,
    "pybids_ds005/sub-01_task-mixedgamblestask_run-01_desc-preproc_timeseries.tsv": 240,
    "pybids_ds005/sub-01_task-mixedgamblestask_run-02_desc-preproc_timeseries.tsv": 240,
    "pybids_ds005/sub-01_task-mixedgamblestask_run-03_desc-preproc_timeseries.tsv": 240,
}


def table_file(folder: Path, text: str | bytes) -> Path:
    path = folder / "sub-01_desc-confounds_timeseries.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def table(**columns: list[float]) -> Confounds:
    return Confounds(tuple(columns), np.array(list(columns.values()), dtype=float).T)


def test_numbers_are_read_and_missing_values_are_nan(tmp_path: Path) -> None:
    read = read_confounds(table_file(tmp_path, "csf\tfd\n1\tn/a\n2.5\t-3e-2\n"))
    assert read.names == ("csf", "fd")
    np.testing.assert_array_equal(read.select(read.names), [[1, np.nan], [2.5, -0.03]])


def test_a_column_without_any_value_is_still_a_column(tmp_path: Path) -> None:
    read = read_confounds(table_file(tmp_path, "a\tb\n1\tn/a\n2\tn/a\n"))
    assert np.isnan(read["b"]).all()


def test_a_byte_order_mark_and_windows_line_ends_are_no_content(tmp_path: Path) -> None:
    read = read_confounds(table_file(tmp_path, b"\xef\xbb\xbfcsf\twm\r\n1\t2\r\n"))
    assert read.names == ("csf", "wm")


@pytest.mark.parametrize("cell", ["n/a", "", " NaN ", "NA", "nan", "None"])
def test_ways_to_write_that_a_value_is_missing(tmp_path: Path, cell: str) -> None:
    read = read_confounds(table_file(tmp_path, f"csf\twm\n{cell}\t1\n2\t3\n"))
    np.testing.assert_array_equal(read["csf"], [np.nan, 2])


def test_quotation_marks_are_no_content(tmp_path: Path) -> None:
    read = read_confounds(table_file(tmp_path, '"csf"\t"wm"\n"1"\t2\n'))
    np.testing.assert_array_equal(read.select(["wm", "csf"]), [[2, 1]])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "has no rows"),
        ("csf\twm\n", "has no rows"),
        ("csf\twm\n1\t2\n3\t4\t5\n", "3 values under 2 column names in row 3"),
        ("csf\twm\n1\t2\n3\n", "1 values under 2 column names in row 3"),
        ("csf\twm\n1\t2\t3\n4\t5\t6\n", "3 values under 2 column names in row 2"),
        ("csf\twm\n1\t2\t\n4\t5\t\n", "3 values under 2 column names in row 2"),
        ("csf\twm\tcsf\n1\t2\t3\n", "several columns called csf"),
        (b"csf\n\xff\xfe\xfa\n", "cannot be read as a table"),
    ],
    ids=["empty", "header", "ragged", "short", "shifted", "tabs", "twice", "bytes"],
)
def test_what_is_not_a_table(tmp_path: Path, content: str | bytes, problem: str) -> None:
    path = table_file(tmp_path, content)
    with pytest.raises(RunError, match=problem) as caught:
        read_confounds(path)
    assert path.name in str(caught.value)


@pytest.mark.parametrize("cell", ["none", "1,5", "1_000", "0x1", "--1", "1 2"])
def test_text_in_place_of_a_number(tmp_path: Path, cell: str) -> None:
    read = read_confounds(table_file(tmp_path, f"csf\twm\n1\t2\n{cell}\t3\n"))
    with pytest.raises(RunError, match="text instead of numbers in csf"):
        nuisance_columns(read, ["wm", "csf"])
    np.testing.assert_array_equal(nuisance_columns(read, ["wm"]), [[2], [3]])


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"none\.tsv cannot be read"):
        read_confounds(tmp_path / "none.tsv")


def test_only_some_of_many_text_columns_are_named(tmp_path: Path) -> None:
    header = "\t".join(f"c{i}" for i in range(9))
    read = read_confounds(table_file(tmp_path, header + "\n" + "\t".join("x" * 9) + "\n"))
    with pytest.raises(RunError, match="c0, c1, c2, c3, c4, c5 and 3 more"):
        read.select(read.names)


def test_columns_come_in_the_order_of_their_names() -> None:
    columns = nuisance_columns(table(a=[1, 2], b=[3, 4], c=[5, 6]), ["c", "a"])
    np.testing.assert_array_equal(columns, [[5, 1], [6, 2]])


def test_no_names_give_no_columns() -> None:
    assert nuisance_columns(table(a=[1, 2]), []).shape == (2, 0)


@given(st.integers(0, 9), st.integers(0, 2**31))
def test_the_first_rows_take_the_first_finite_value(missing: int, seed: int) -> None:
    values = np.random.default_rng(seed).standard_normal(10)
    holed = values.copy()
    holed[:missing] = np.nan
    filled = nuisance_columns(table(d=holed.tolist()), ["d"])[:, 0]
    np.testing.assert_array_equal(filled[missing:], values[missing:])
    assert (filled[:missing] == values[missing]).all()


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_a_hole_further_down_names_its_column_and_row(hole: float) -> None:
    with pytest.raises(RunError, match=r"missing after the first rows: d \(row 4\)"):
        nuisance_columns(table(c=[1, 2, 3, 4], d=[np.nan, 1, hole, 2]), ["c", "d"])


def test_a_long_beginning_without_values_is_refused() -> None:
    values = [np.nan] * 11 + [1.0, 2, 3]
    with pytest.raises(RunError, match=r"d \(the first 11 rows\)"):
        nuisance_columns(table(d=values), ["d"])


def test_a_column_without_any_value_is_refused() -> None:
    with pytest.raises(RunError, match=r"d \(no value at all\)"):
        nuisance_columns(table(d=[np.nan, np.nan]), ["d"])


def test_a_hole_in_a_column_that_is_not_asked_for_does_not_matter() -> None:
    columns = nuisance_columns(table(c=[1, 2, 3], d=[1, np.nan, 2]), ["c"])
    np.testing.assert_array_equal(columns, [[1], [2], [3]])


@pytest.mark.parametrize("name", REAL_TABLES)
def test_tables_of_several_versions_of_fmriprep(shared_data: Path, name: str) -> None:
    path = shared_data / "confounds" / name
    read = read_confounds(path)
    assert len(read) == REAL_TABLES[name]
    columns = load_strategy("36P").columns(read.names, {})
    values = nuisance_columns(read, columns)
    assert values.shape == (len(read), 36)
    assert np.isfinite(values).all()
    rest = path.read_text().splitlines()
    trans_x = rest[0].split("\t").index("trans_x")
    written = [float(line.split("\t")[trans_x]) for line in rest[1:]]
    np.testing.assert_array_equal(values[:, columns.index("trans_x")], written)


def test_component_metrics_are_not_confounds(shared_data: Path) -> None:
    metrics = read_confounds(shared_data / "confounds/nilearn/test_desc-tedana_metrics.tsv")
    with pytest.raises(RunError, match="the table has no motion columns"):
        load_strategy("27P").columns(metrics.names, {})
    with pytest.raises(RunError, match="text instead of numbers in Component, classification"):
        metrics.select(metrics.names)


def test_component_series_are_not_confounds(shared_data: Path) -> None:
    mixing = read_confounds(shared_data / "confounds/nilearn/test_desc-ICA_mixing.tsv")
    with pytest.raises(RunError, match="the table has no motion columns"):
        load_strategy("27P").columns(mixing.names, {})


def test_a_table_of_a_few_columns_only_says_what_it_lacks(shared_data: Path) -> None:
    folder = shared_data / "confounds/nilearn_pixar123/development_fmri/development_fmri"
    reduced = read_confounds(
        folder / "sub-pixar123_task-pixar_desc-reducedConfounds_regressors.tsv"
    )
    with pytest.raises(RunError, match=r"trans_x_derivative1.* and \d+ more"):
        load_strategy("24P").columns(reduced.names, {})


def test_real_anatomical_components_come_by_their_variance(shared_data: Path) -> None:
    path = shared_data / "confounds/nilearn/test_desc-confounds_regressors.tsv"
    metadata = json.loads(path.with_suffix(".json").read_text())
    chosen = load_strategy("acompcor").columns(read_confounds(path).names, metadata)[24:]
    explained = [metadata[name]["SingularValue"] for name in chosen]
    for mask, part in (("WM", slice(0, 5)), ("CSF", slice(5, 10))):
        best = sorted(
            (
                entry["SingularValue"]
                for name, entry in metadata.items()
                if name.startswith("a_comp_cor") and entry["Mask"] == mask
            ),
            reverse=True,
        )
        assert explained[part] == best[:5]


def test_columns_that_are_read_at_once_are_the_same_and_text_is_refused_later(
    tmp_path: Path,
) -> None:
    read = read_confounds(table_file(tmp_path, "a\tb\tc\n1\tx\tn/a\n2\t3\t4.5\n"))
    at_once = read.read(["c", "b", "a", "c"])
    assert (at_once.names, set(at_once.computed)) == (read.names, {"a", "c"})
    np.testing.assert_array_equal(at_once.select(["c", "a"]), [[np.nan, 1], [4.5, 2]])
    with pytest.raises(RunError, match="text instead of numbers in b"):
        at_once.select(["a", "b"])
    assert at_once.numeric().names == read.numeric().names == ("a", "c")
    np.testing.assert_array_equal(at_once.numeric().rows, read.numeric().rows)


@given(
    st.lists(st.sampled_from(["csf", "trans_x", "dvars", "csf_power2"]), unique=True),
    st.lists(st.sampled_from(["csf_derivative1", "csf_derivative1_power2"]), unique=True),
    st.integers(0, 10**6),
)
def test_a_reduced_table_is_restored(own: list[str], further: list[str], seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = (*own, *further)
    table = complete_confounds(Confounds(names, rng.standard_normal((9, len(names)))))
    whole = Confounds(table.names, table.select(table.names))
    reduced = reduce_confounds(whole)
    restored = restore_confounds(reduced, whole.names)
    assert restored.names == whole.names
    np.testing.assert_array_equal(restored.rows, whole.rows)
    assert set(reduced.names) <= {*names, "csf_power2"} | set(further)
