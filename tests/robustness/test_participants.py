from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.robustness import block_of_participant, participants_draws
from fcnm_bids.stats import ContrastMoments, one_sample, summed_moments
from tests.stats.exact_sums import exact_sums


@given(st.integers(8, 200), st.integers(0, 5))
def test_blocks_are_of_equal_size(n_participants: int, seed: int) -> None:
    sizes = np.bincount(block_of_participant(n_participants, 8, seed), minlength=8)
    assert sizes.sum() == n_participants
    assert sizes.max() - sizes.min() <= 1


def test_blocks_follow_the_seed_and_not_the_order() -> None:
    first = block_of_participant(40, 8, 0)
    np.testing.assert_array_equal(first, block_of_participant(40, 8, 0))
    assert (first != block_of_participant(40, 8, 1)).any()
    assert (np.diff(first) != 0).any()


def test_halves_are_complements_and_quarters_are_quarters() -> None:
    draws = participants_draws(8, n_draws=20, seed=3)
    assert len(draws) == 60
    for number in range(20):
        one, two = (d for d in draws if d.draw == number and d.share == 0.5)
        assert sorted(one.blocks + two.blocks) == list(range(8))
        (quarter,) = (d for d in draws if d.draw == number and d.share == 0.25)
        assert len(quarter.blocks) == 2
    assert len({d.blocks for d in draws if d.share == 0.5}) > 10


def test_quarters_need_a_number_that_4_divides() -> None:
    with pytest.raises(ValueError, match="4 divides"):
        participants_draws(6, n_draws=1, seed=0)


@pytest.mark.parametrize("k", [0, 2])
def test_a_subsample_is_what_its_participants_give(k: int) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(0.2, 1, (21, 24))
    z[rng.random(z.shape) < 0.1] = np.nan
    columns = rng.standard_normal((21, k))
    block = block_of_participant(21, 8, 0)

    def over(participants: np.ndarray) -> ContrastMoments:
        return exact_sums(z[participants], (4, 3, 2), covariates=columns[participants])

    blocks = [over(np.flatnonzero(block == b)) for b in range(8)]
    for draw in participants_draws(8, n_draws=4, seed=1):
        merged = summed_moments([blocks[b] for b in draw.blocks])
        direct = over(np.flatnonzero(np.isin(block, draw.blocks)))
        one, two = (one_sample(m, min_subjects=0.5) for m in (merged, direct))
        assert merged.n_participants == direct.n_participants
        np.testing.assert_array_equal(one.tested, two.tested)
        np.testing.assert_allclose(one.t, two.t, rtol=1e-9)
