"""Strength of every voxel, whatever the seeds, and eigenvectors of the connectome."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.connectome import ProjectedRun
from fcnm_bids.kernels.group_sums import positive_sums
from fcnm_bids.kernels.threads import limited
from fcnm_bids.mapping import Participant

_BLOCK_COLUMNS = 16
_N_EIGENVECTORS = 3

HALVINGS = 20
"""Random halves of the participants from which the reliability of the strength is measured."""


@dataclass(frozen=True, eq=False)
class Strength:
    """Accounts of a voxel's overall connectivity, over the voxels `index`.

    Parameters
    ----------
    positive
        Mean over participants of the mean over targets of max(r, 0), shape (V,).
    signed
        Mean over participants of the mean r with all other voxels, shape (V,).
    eigenvectors
        First eigenvectors of the mean over participants of the matrix of r, of unit length and with
        a positive sum, shape (3, V).
    eigenvalue_shares
        Their eigenvalues over the trace.
    iterations, change
        Iterations taken, and the largest of the vectors' one minus the absolute cosine between
        the last two iterations.
    index
        Voxel numbers, sorted.
    targets
        Voxel numbers of the targets.
    n_participants
        Participants measured.
    half_correlation
        Mean over random halvings of the participants of the correlation, over the targets, of the
        two halves' positive strengths; NaN with fewer than four participants.
    """

    positive: NDArray[np.float64]
    signed: NDArray[np.float64]
    eigenvectors: NDArray[np.float64]
    eigenvalue_shares: tuple[float, ...]
    iterations: int
    change: float
    index: NDArray[np.intp]
    targets: NDArray[np.intp]
    n_participants: int
    half_correlation: float

    @property
    def reliability(self) -> float:
        """Reliability of the positive strength of all participants, from that of halves.

        By Spearman and Brown (1910), as two halves are twice as long as one.
        """
        return 2 * self.half_correlation / (1 + self.half_correlation)

    def participants_for(self, reliability: float) -> int | None:
        """Return how many participants would give a reliability; None where none is measured."""
        own = self.reliability
        if not 0 < own < 1:
            return None
        needed = self.n_participants * (1 - own) / own * reliability / (1 - reliability)
        return math.ceil(needed - 1e-9)

    def on(self, index: NDArray[np.intp]) -> Strength:
        """Return the maps over fewer voxels."""
        own = np.searchsorted(self.index, index)
        return replace(
            self,
            positive=self.positive[own],
            signed=self.signed[own],
            eigenvectors=self.eigenvectors[:, own],
            index=index,
        )


def choose_targets(where: NDArray[np.intp], n_targets: int, seed: int) -> NDArray[np.intp]:
    """Some of the voxels `where`, all of them if they are no more than `n_targets`; sorted."""
    if where.size <= n_targets:
        return np.sort(where)
    picked = np.random.default_rng(seed).choice(where.size, n_targets, replace=False)
    return np.sort(where[picked])


def measure_strength(
    participants: Sequence[Participant],
    index: NDArray[np.intp],
    targets: NDArray[np.intp],
    *,
    tolerance: float,
    max_iterations: int,
    n_threads: int = 1,
    keep_gb: float = 0.0,
    progress: Callable[[str], None] = lambda line: None,
) -> Strength:
    """Strengths and first eigenvectors of the mean matrix of r, without ever forming it.

    A participant's r are those of all runs, weighted by m - 2. A voxel's correlation with itself
    enters neither strength. The eigenvectors are found by block power iteration with a
    Rayleigh-Ritz step (Golub and Van Loan, Matrix Computations, 8.2): each iteration reads every
    participant once, except those kept in memory.

    Parameters
    ----------
    participants
        In the order in which they are added.
    index
        Voxel numbers of the analysis, sorted.
    targets
        Voxel numbers, sorted, over which positive correlations are averaged; those outside of
        `index` are left out. With the global signal removed the mean of signed r says little:
        each voxel's correlations then nearly cancel.
    tolerance
        The iteration ends when one minus the absolute cosine between two successive vectors is
        below it for all three.
    max_iterations
        The iteration ends here in any case.
    n_threads
        Participants worked on at once; the result does not depend on it.
    keep_gb
        Memory in GB for participants that are read only once; the result does not depend on it.
    progress
        Is told what is done.

    Raises
    ------
    ValueError
        No target lies among the voxels.
    """
    place = np.flatnonzero(np.isin(index, targets))
    if place.size == 0:
        raise ValueError("no target lies among the voxels")
    positive, signed = np.zeros(index.size), np.zeros(index.size)
    n_participants = np.zeros(index.size)
    halves = _Halves(len(participants), place)
    every = _Columns(participants, index, keep_gb)
    # participants side by side, each with one thread of BLAS: its own threads would wait for each
    # other
    with limited(1), ThreadPoolExecutor(n_threads) as pool:
        strengths = pool.map(
            lambda number: _participant_strengths(every[number], place), range(len(participants))
        )
        for number, (has, own_positive, own_signed) in enumerate(strengths):
            n_participants += has
            positive += own_positive
            signed += own_signed
            halves.add(number, has, own_positive)
            progress(f"strengths of {number + 1} of {len(participants)} participants")
        with np.errstate(invalid="ignore"):
            positive /= n_participants
            signed /= n_participants
        vectors, shares, iterations, change = _first_eigenvectors(
            every,
            index,
            pool,
            start=positive,
            tolerance=tolerance,
            max_iterations=max_iterations,
        )
    progress(f"first eigenvectors after {iterations} iterations, change {change:.1e}")
    return Strength(
        positive,
        signed,
        vectors,
        shares,
        iterations,
        change,
        index,
        index[place],
        len(participants),
        halves.correlation,
    )


class _Halves:
    """Sums of positive strength over random halves of the participants, at some voxels."""

    def __init__(self, n_participants: int, place: NDArray[np.intp]) -> None:
        rng = np.random.default_rng(0)
        order = np.argsort(rng.random((HALVINGS, n_participants)), axis=1)
        self._first = order < n_participants // 2
        self._usable = n_participants >= 4
        self._place = place
        self._total = np.zeros((2, HALVINGS, place.size))
        self._times = np.zeros((2, HALVINGS, place.size))

    def add(self, number: int, has: NDArray[np.bool_], strength: NDArray[np.float64]) -> None:
        """Add one of the participants, by its number."""
        half, halving = np.where(self._first[:, number], 0, 1), np.arange(HALVINGS)
        self._total[half, halving] += strength[self._place]
        self._times[half, halving] += has[self._place]

    @property
    def correlation(self) -> float:
        """Mean over halvings of the correlation of the two halves; NaN where there is none."""
        if not self._usable:
            return math.nan
        defined = (self._times > 0).all(axis=(0, 1))
        means = self._total[..., defined] / self._times[..., defined]
        if means.shape[-1] < 3 or (np.ptp(means, axis=-1) == 0).any():
            return math.nan
        return float(np.mean([np.corrcoef(*means[:, i])[0, 1] for i in range(HALVINGS)]))


class _Columns:
    """The `participant_columns` of each participant, of whom the first are kept in memory."""

    def __init__(
        self, participants: Sequence[Participant], index: NDArray[np.intp], keep_gb: float
    ) -> None:
        self._participants, self._index = participants, index
        self._left = 1e9 * keep_gb
        self._kept: dict[int, NDArray[np.float32]] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._participants)

    def __getitem__(self, number: int) -> NDArray[np.float32]:
        if number in self._kept:
            return self._kept[number]
        columns = participant_columns(self._participants[number].open_runs(), self._index)
        with self._lock:
            if columns.nbytes <= self._left:
                self._left -= columns.nbytes
                self._kept[number] = columns
        return columns


def _participant_strengths(
    columns: NDArray[np.float32], place: NDArray[np.intp]
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    """Return where a participant has signal, and both strengths there, 0 elsewhere."""
    has = np.asarray(columns.any(axis=0))
    is_target = np.zeros(columns.shape[1], dtype=bool)
    is_target[place] = True
    mean = columns.sum(axis=1, dtype=np.float64)
    signed = np.where(has, mean @ columns - 1, 0) / max(1, np.count_nonzero(has) - 1)
    others = np.count_nonzero(has[place]) - (is_target & has)
    total = positive_sums(columns, columns[:, place]) - is_target
    return has, np.where(has, total / np.maximum(1, others), 0), signed


def participant_columns(
    runs: Sequence[ProjectedRun], index: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Columns of unit length whose inner products are a participant's r, shape (sum of m, V).

    They are in the dimensions that the strategy leaves of each band.
    Zero at voxels without signal. Where a voxel has signal in some of the runs only, r is that
    of the stacked runs, in which the others count as silence.
    """
    used = [run for run in runs if run.dof > 2]
    kept = [_basis(run) for run in used]
    columns = np.zeros((sum(len(basis) for basis in kept), index.size), dtype=np.float32)
    first = 0
    for run, basis in zip(used, kept, strict=True):
        rows = slice(first, first + len(basis))
        first += len(basis)
        to = np.searchsorted(index, run.index)
        inside = np.zeros(run.n_voxels, dtype=bool)
        inside[to < index.size] = index[to[to < index.size]] == run.index[to < index.size]
        for tile in run.tiles():
            keep, place = inside[tile], to[tile]
            own = run.values[:, tile]
            if not keep.all():
                own, place = own[:, keep], place[keep]
            if place.size == 0:
                continue
            # a voxel's scale does not enter its correlations
            values = basis @ own.astype(np.float64)
            length = np.sqrt(np.einsum("ij,ij->j", values, values))
            values *= np.divide(
                math.sqrt(run.dof - 2), length, out=np.zeros_like(length), where=length > 0
            )
            no_gap = place[-1] - place[0] + 1 == place.size
            columns[rows, slice(place[0], place[-1] + 1) if no_gap else place] = values
    length = np.sqrt(np.einsum("ij,ij->j", columns, columns, dtype=np.float64))
    columns *= np.divide(1, length, out=np.zeros_like(length), where=length > 0)
    return columns


def _basis(run: ProjectedRun) -> NDArray[np.float64]:
    kept = run.kept_dimensions
    return np.eye(run.n_components) if kept is None else kept


def _first_eigenvectors(
    every: _Columns,
    index: NDArray[np.intp],
    pool: ThreadPoolExecutor,
    *,
    start: NDArray[np.float64],
    tolerance: float,
    max_iterations: int,
) -> tuple[NDArray[np.float64], tuple[float, ...], int, float]:
    """Vectors, shares of the trace, iterations, last change."""
    n_columns = min(_BLOCK_COLUMNS, index.size)
    n_vectors = min(_N_EIGENVECTORS, n_columns)
    block = np.random.default_rng(0).standard_normal((index.size, n_columns))
    block[:, 0] = np.nan_to_num(start)
    block, _ = np.linalg.qr(block)
    vectors = block[:, :n_vectors]
    shares, change, n_iterations = (math.nan,) * n_vectors, math.inf, 0
    while change >= tolerance and n_iterations < max_iterations:
        n_iterations += 1
        product = np.zeros_like(block)
        trace = 0
        single = block.astype(np.float32)
        own = partial(_participant_product, every, block=single)
        for part, n_voxels in pool.map(own, range(len(every))):
            product += part
            trace += n_voxels
        values, turn = np.linalg.eigh(block.T @ product)
        shares = tuple((values[::-1][:n_vectors] / trace).tolist())
        block, _ = np.linalg.qr(product @ turn[:, ::-1])
        cosines = np.abs(np.einsum("vk,vk->k", block[:, :n_vectors], vectors))
        change = max(0.0, 1 - float(cosines.min()))
        vectors = block[:, :n_vectors]
    signs = np.where(vectors.sum(axis=0) >= 0, 1.0, -1.0)
    found = np.full((_N_EIGENVECTORS, index.size), math.nan)
    found[:n_vectors] = (vectors * signs).T
    return found, shares, n_iterations, change


def _participant_product(
    every: _Columns, number: int, block: NDArray[np.float32]
) -> tuple[NDArray[np.float32], int]:
    """A participant's matrix of r times some columns, and its trace."""
    columns = every[number]
    return columns.T @ (columns @ block), int(np.count_nonzero(columns.any(axis=0)))
