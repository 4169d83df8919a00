"""Networks of the signs of connectivity: a two-sided tail has one for each."""

from __future__ import annotations

from collections.abc import Iterable

_SIDES = {
    "positive": {"": 1},
    "negative": {"": -1},
    "two-sided": {" (positive)": 1, " (negative)": -1},
}
"""Suffixes of an effect's name, with their signs, by tail."""


def network_names(effects: Iterable[str], tail: str) -> list[str]:
    """Return the names of the networks of effects, in their order.

    Parameters
    ----------
    effects
        Effects; each counts once.
    tail
        ``positive``, ``negative`` or ``two-sided``.
    """
    return [f"{effect}{added}" for effect in dict.fromkeys(effects) for added in _SIDES[tail]]


def effect_and_sign(network: str, tail: str) -> tuple[str, int]:
    """Return the effect of a network and its sign of connectivity, 1 or -1.

    Raises
    ------
    ValueError
        No network of this tail is called so.
    """
    for added, sign in _SIDES[tail].items():
        if network.endswith(added):
            return network.removesuffix(added), sign
    raise ValueError(f"{network!r} is no network of a {tail} tail")


def signs(tail: str) -> tuple[int, ...]:
    """Return the signs of connectivity of a tail, in the order of its networks."""
    return tuple(_SIDES[tail].values())
