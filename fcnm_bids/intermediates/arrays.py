"""Files of arrays that pass between nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fcnm_bids.bids.write import atomic_path


def write_arrays(path: Path, **arrays: Any) -> None:
    """Write arrays into an NPZ file, whole or not at all; those that are None are left out."""
    there = {name: np.asarray(values) for name, values in arrays.items() if values is not None}
    with atomic_path(path) as temporary:
        np.savez(temporary, allow_pickle=False, **there)
