"""The BOLD signal of one run, volume by volume."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from fcnm_bids.simulate.anatomy import networks_of
from fcnm_bids.simulate.design import SimulationDesign
from fcnm_bids.simulate.head import Head
from fcnm_bids.simulate.motion import framewise_displacement
from fcnm_bids.simulate.noise import FWHM_PER_SD, SmoothNoise

_INTENSITY = 10_000.0
_RIM_INTENSITY = 0.2
_STEADY_STATE_EXCESS = (0.25, 0.08, 0.03, 0.01, 0.005)
"""Excess of the volumes before the steady state, as longitudinal magnetisation settles."""

_SPIKE_MM = 0.5
_PERSONAL_MAPS, _PERSONAL_FWHM = 12, 24.0


@dataclass(frozen=True, eq=False)
class SignalModel:
    """Truth of one run: a few time courses with their maps, and noise.

    Attributes
    ----------
    index
        Numbers of the voxels with any signal, shape (voxels,).
    baseline
        Mean intensity, shape (voxels,), float32.
    maps
        Per cent of the baseline that one unit of each course adds, shape (voxels, courses).
    courses
        Shape (courses, volumes), float32.
    """

    index: NDArray[np.intp]
    baseline: NDArray[np.float32]
    maps: NDArray[np.float32]
    courses: NDArray[np.float32]


def slow_course(rng: np.random.Generator, n_volumes: int, repetition_time: float) -> NDArray[Any]:
    """A time course like those of resting-state networks: power below about 0.08 Hz, sd 1."""
    frequency = np.fft.rfftfreq(n_volumes, repetition_time)
    amplitude = 1 / np.sqrt(1 + (frequency / 0.08) ** 6)
    amplitude[0] = 0
    spectrum = amplitude * (
        rng.standard_normal(frequency.size) + 1j * rng.standard_normal(frequency.size)
    )
    course = np.fft.irfft(spectrum, n_volumes)
    return np.asarray(course / course.std())


def signal_model(
    rng: np.random.Generator,
    design: SimulationDesign,
    head: Head,
    motion: NDArray[np.float64],
    gains: NDArray[np.float64],
) -> SignalModel:
    """Lay out the maps and courses of one run.

    Parameters
    ----------
    gains
        The participant's gain of each network: the effects' in their order, then the others'.
    """
    grid, n = head.grid, design.n_volumes
    index = np.flatnonzero(grid.flatten(head.brain | head.rim))

    def take(volume: NDArray[Any]) -> NDArray[np.float32]:
        return grid.flatten(volume)[index].astype(np.float32)

    brain, rim = take(head.brain), take(head.rim)
    edge = brain * np.exp(-take(head.depth) / 12) + rim
    networks = networks_of(design)
    levels = [design.network_strength] * len(design.effects)
    levels += [design.background_strength] * len(networks.others)
    shared = [*(networks.effects[name] for name in design.effects), *networks.others]

    maps: list[NDArray[Any]] = []
    courses: list[NDArray[Any]] = []

    def add(weights: NDArray[Any], course: NDArray[Any]) -> None:
        maps.append(weights)
        courses.append(course)

    for network, level, gain in zip(shared, levels, gains, strict=True):
        add(take(network) * level * gain, slow_course(rng, n, design.repetition_time))
    for effect in design.effects:
        for node in networks.nodes[effect]:
            level = design.network_strength * design.node_independence
            add(take(node) * level, slow_course(rng, n, design.repetition_time))
    if networks.hubs is not None:
        hubs = take(networks.hubs)
        add(hubs * design.hub_strength, slow_course(rng, n, design.repetition_time))
        for _ in range(_PERSONAL_MAPS):
            own = take(_smooth_field(rng, head, _PERSONAL_FWHM)) * (0.3 + 0.7 * take(head.grey))
            level = design.personal_strength / np.sqrt(_PERSONAL_MAPS)
            add(brain * own * level, slow_course(rng, n, design.repetition_time))
    everywhere = brain * (0.4 + 0.6 * take(head.grey)) * design.global_signal
    add(everywhere, slow_course(rng, n, design.repetition_time))
    for tissue in (head.white, head.fluid):
        noise = 0.7 * slow_course(rng, n, design.repetition_time) + 0.7 * rng.standard_normal(n)
        add(brain * take(tissue) * design.physiological_noise, noise)
    ramp = np.linspace(-1, 1, n)
    for trend in (ramp, ramp**2 - 1 / 3):
        scale = design.drift / trend.std()
        add(scale * (0.5 + 0.2 * take(_smooth_field(rng, head, 20))), trend)
    # Rotations of 1/50 radian move the surface of the head by about 1 mm.
    displacement = (motion - motion.mean(axis=0)) * np.r_[np.ones(3), np.full(3, 50.0)]
    for course in displacement.T:
        add(design.motion_artefact * edge * take(_smooth_field(rng, head, 15)), course)
    # Signal loss by a sudden movement: not a linear function of the parameters, so that only
    # leaving the volume out removes it.
    fd = np.nan_to_num(framewise_displacement(motion))
    add(
        -design.motion_artefact * brain * (1 + 0.3 * take(_smooth_field(rng, head, 20))),
        np.where(fd > _SPIKE_MM, fd, 0),
    )
    tissue = take(head.grey) + 0.85 * take(head.white) + 1.2 * take(head.fluid)
    shading = 1 + 0.08 * take(_smooth_field(rng, head, 30))
    baseline = _INTENSITY * np.where(brain > 0, np.maximum(tissue, 0.4), _RIM_INTENSITY) * shading
    return SignalModel(
        index,
        baseline.astype(np.float32),
        np.column_stack(maps).astype(np.float32),
        np.array(courses, dtype=np.float32),
    )


def volumes(
    rng: np.random.Generator,
    design: SimulationDesign,
    head: Head,
    model: SignalModel,
    n_non_steady: int,
) -> Iterator[NDArray[np.int16]]:
    """Intensities of the model's voxels, one volume after the other, shape (voxels,)."""
    noise = SmoothNoise(head.grid, model.index, design.smoothness)
    keep = design.noise_autocorrelation
    fresh = np.sqrt(1 - keep**2)
    smooth = noise.draw(rng)
    for row in range(design.n_volumes):
        smooth = np.float32(keep) * smooth + np.float32(fresh) * noise.draw(rng)
        percent = model.maps @ model.courses[:, row]
        percent += np.float32(design.smooth_noise) * smooth
        percent += np.float32(design.white_noise) * rng.standard_normal(
            model.index.size, dtype=np.float32
        )
        excess = _STEADY_STATE_EXCESS[row] if row < n_non_steady else 0.0
        intensity = model.baseline * (np.float32(1 + excess) + np.float32(0.01) * percent)
        yield np.clip(np.rint(intensity), 1, np.iinfo(np.int16).max).astype(np.int16)


def _smooth_field(rng: np.random.Generator, head: Head, fwhm: float) -> NDArray[np.float32]:
    """A smooth random map of mean 0 and standard deviation 1 over the grid."""
    white = rng.standard_normal(head.grid.shape, dtype=np.float32)
    field = gaussian_filter(white, fwhm / FWHM_PER_SD / head.grid.voxel_sizes, truncate=3)
    return np.asarray((field - field.mean()) / field.std(), dtype=np.float32)
