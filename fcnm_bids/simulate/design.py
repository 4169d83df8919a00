"""Design of a simulated data set: every parameter and its default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from fcnm_bids.errors import RequestError
from fcnm_bids.simulate.sites import BOXES, NETWORK_SITES


@dataclass(frozen=True, kw_only=True)
class SimulationDesign:
    """Every knob of a simulated data set.

    Signal and noise levels are standard deviations over time, in per cent of the local mean.

    Parameters
    ----------
    n_participants
        Number of participants.
    n_runs
        Runs of every participant (and session), or a pattern over participants that is repeated:
        ``(1, 2)`` gives every second participant two runs. Only participants with several carry
        ``run-``.
    sessions
        Session labels; none leaves the entity ``ses-`` out.
    space, voxel_size
        Template space and edge length of a voxel in mm.
    n_volumes, repetition_time
        Length of a run, and time between volumes in seconds.
    effects
        Names of the effects, out of those with sites for a network.
    n_studies
        Studies per effect; each gives one contrast of that effect.
    n_shared_studies
        How many of the studies give a contrast to every effect.
    foci_per_contrast
        Smallest and largest number of foci in a contrast.
    coordinates
        ``planted``: foci lie in their effect's network, but for a minority. ``random``: all lie
        anywhere in grey matter, so that there is nothing to find.
    off_network
        Share of planted foci that lie elsewhere in grey matter; never more than a third of
        the foci of a contrast.
    focus_jitter
        Root mean square distance in mm of a planted focus from the centre of its node.
    anatomy
        ``spheres``: networks are spheres of even signal, and nothing else lies in common.
        ``regions``: they follow grey matter around other sites, with soft, uneven borders, and
        hubs share a signal with all of grey matter.
    node_radius
        Radius in mm of the spheres that make up a network, or scale of its regions.
    hub_strength, personal_strength
        With regions: level of the signal of hubs, and of smooth maps that are each
        participant's own.
    network_strength, background_strength
        Level of the planted networks and of the others, inside their nodes.
    node_independence
        Level of the signal that each planted node has for itself, relative to the network's.
    strength_variation
        Standard deviation over participants of the logarithm of a network's level.
    global_signal, physiological_noise, drift
        Level of the signal common to the whole brain, of those of white matter and
        cerebrospinal fluid, and of slow drift.
    motion_artefact
        Signal change, in per cent per mm of displacement, at the edge of the brain.
    smooth_noise, smoothness, noise_autocorrelation
        Level of spatially smooth noise, its full width at half maximum in mm, and its
        correlation from one volume to the next.
    white_noise
        Level of noise that is independent over voxels and volumes.
    mean_fd
        Typical framewise displacement in mm without sudden movements.
    spike_share
        Largest share of volumes with a sudden movement; each shows in two displacements.
    non_steady_state
        Pattern over participants, repeated, of the number of volumes before the steady state.
    mask_variation
        How far brain masks differ between participants (0: all have the template's).
    random_seed
        The same seed and knobs give the same bytes.

    Raises
    ------
    RequestError
        When knobs contradict each other or lie out of range; one line for each.
    """

    n_participants: int = 12
    n_runs: int | tuple[int, ...] = 1
    sessions: tuple[str, ...] = ()
    space: str = "MNI152NLin6Asym"
    voxel_size: float = 4.0
    n_volumes: int = 240
    repetition_time: float = 2.0

    effects: tuple[str, ...] = ("increase", "decrease")
    n_studies: int = 8
    n_shared_studies: int = 3
    foci_per_contrast: tuple[int, int] = (3, 6)
    coordinates: Literal["planted", "random"] = "planted"
    off_network: float = 0.15
    focus_jitter: float = 2.5

    anatomy: Literal["spheres", "regions"] = "spheres"
    node_radius: float = 11.0
    hub_strength: float = 0.25
    personal_strength: float = 0.5
    network_strength: float = 0.5
    background_strength: float = 0.5
    node_independence: float = 0.5
    strength_variation: float = 0.15
    global_signal: float = 0.5
    physiological_noise: float = 0.6
    drift: float = 0.8
    motion_artefact: float = 0.8
    smooth_noise: float = 0.6
    smoothness: float = 6.0
    noise_autocorrelation: float = 0.3
    white_noise: float = 1.0

    mean_fd: float = 0.12
    spike_share: float = 0.02
    non_steady_state: tuple[int, ...] = (0, 1, 0, 2)
    mask_variation: float = 1.0
    random_seed: int = 0

    def __post_init__(self) -> None:
        problems = [text for wrong, text in self._checks() if wrong]
        if problems:
            raise RequestError(problems)

    def _checks(self) -> list[tuple[bool, str]]:
        fewest, most = self.foci_per_contrast
        unknown = sorted(set(self.effects) - set(NETWORK_SITES))
        levels = (
            self.network_strength,
            self.background_strength,
            self.node_independence,
            self.hub_strength,
            self.personal_strength,
            self.strength_variation,
            self.global_signal,
            self.physiological_noise,
            self.drift,
            self.motion_artefact,
            self.smooth_noise,
            self.white_noise,
            self.mean_fd,
            self.mask_variation,
            self.focus_jitter,
        )
        return [
            (self.n_participants < 1, "a data set needs at least one participant"),
            (min(self.run_pattern, default=0) < 1, "every participant needs at least one run"),
            (any(not s.isalnum() for s in self.sessions), "session labels are letters and digits"),
            (self.space not in BOXES, f"space {self.space} is not among {', '.join(BOXES)}"),
            (
                not 1 <= self.voxel_size <= 10,
                f"voxels of {self.voxel_size} mm: choose 1 to 10 mm",
            ),
            (self.n_volumes < 20, f"{self.n_volumes} volumes: a run needs at least 20"),
            (self.repetition_time <= 0, "the repetition time is a positive number of seconds"),
            (
                bool(unknown) or not self.effects or len(set(self.effects)) < len(self.effects),
                f"effects {', '.join(self.effects) or '(none)'}: choose different ones among "
                + ", ".join(NETWORK_SITES),
            ),
            (self.n_studies < 1, "an effect needs at least one study"),
            (
                not 0 <= self.n_shared_studies <= self.n_studies,
                f"{self.n_shared_studies} shared studies of {self.n_studies}",
            ),
            (not 1 <= fewest <= most, f"{fewest} to {most} foci per contrast"),
            (
                self.coordinates not in ("planted", "random"),
                f"coordinates {self.coordinates!r}: choose planted or random",
            ),
            (
                self.anatomy not in ("spheres", "regions"),
                f"anatomy {self.anatomy!r}: choose spheres or regions",
            ),
            (not 0 <= self.off_network < 0.5, "the off-network share is below one half"),
            (
                not 5 <= self.node_radius <= 11,
                "the radius of nodes is 5 to 11 mm: they must not touch",
            ),
            (min(levels) < 0, "levels of signal and noise are not negative"),
            (self.smoothness <= 0, "the smoothness of the noise is a positive width in mm"),
            (not 0 <= self.noise_autocorrelation < 1, "the autocorrelation lies in 0 to 1"),
            (not 0 <= self.spike_share <= 0.2, "the share of spikes is at most 0.2"),
            (
                min(self.non_steady_state, default=-1) < 0 or max(self.non_steady_state) > 5,
                "non-steady volumes: at least one number, each 0 to 5",
            ),
            (self.random_seed < 0, "the random seed is not negative"),
        ]

    @property
    def run_pattern(self) -> tuple[int, ...]:
        """Numbers of runs, repeated over participants."""
        return (self.n_runs,) if isinstance(self.n_runs, int) else self.n_runs

    def runs_of(self, participant: int) -> list[int | None]:
        """Return the entity ``run-`` of a participant's runs (counted from 0); None without it."""
        n = self.run_pattern[participant % len(self.run_pattern)]
        return [None] if n == 1 else list(range(1, n + 1))

    def label_of(self, participant: int) -> str:
        """Participant label of a participant (counted from 0), without ``sub-``."""
        return f"{participant + 1:0{max(2, len(str(self.n_participants)))}d}"

    def generator(self, *stream: int) -> np.random.Generator:
        """Random numbers of one part of the data set, independent of every other part's."""
        return np.random.default_rng([self.random_seed, *stream])
