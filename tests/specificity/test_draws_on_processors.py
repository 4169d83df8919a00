"""The bits of draws, with the arithmetic of other processors and with several threads of BLAS."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.blas_kernels import KERNELS, run_under

_PYTEST = """
import pytest
sys.exit(pytest.main(["-q", "-n", "0", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""
_PRODUCTS = "tests/connectivity/test_correlation.py"
_DRAWS = "tests/specificity/test_draws.py"


def passes(kernel: str, n_threads: int, *tests: str) -> str:
    blas, output = run_under(kernel, n_threads, _PYTEST, *tests)
    assert " passed" in output
    assert "skipped" not in output
    return blas


@pytest.mark.parametrize("kernel", KERNELS)
def test_company_does_not_change_a_bit(
    kernel: str, record_property: Callable[[str, str], None]
) -> None:
    own = (_PRODUCTS, _DRAWS, "-k", "place_among or one_shape or (company and 0-3)", "--noconftest")
    record_property("blas", passes(kernel, 2, *own))


@pytest.mark.slow
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("kernel", KERNELS)
def test_all_tests_of_draws_pass(
    kernel: str, n_threads: int, record_property: Callable[[str, str], None]
) -> None:
    record_property("blas", passes(kernel, n_threads, _DRAWS))
