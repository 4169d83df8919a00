"""Functional connectivity network mapping (FCNM) on fMRIPrep derivatives.

The public names below are loaded when they are first used; importing the package is cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fcnm_bids._version import __version__

if TYPE_CHECKING:
    from fcnm_bids.api import (
        Connectome,
        NetworkResult,
        OutcomeMap,
        Results,
        SeedMap,
        load_results,
    )

__all__ = [
    "Connectome",
    "NetworkResult",
    "OutcomeMap",
    "Results",
    "SeedMap",
    "__version__",
    "load_results",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("fcnm_bids.api"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
