"""The seed matrix and its images are made on the grid of the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fcnm_bids.bids.write import write_text
from fcnm_bids.config import Config
from fcnm_bids.interfaces.seeds import MakeSeeds
from fcnm_bids.seeds import read_seed_matrix

FOCI = """study\tcontrast\teffect\tx\ty\tz\tspace
Far 2020\ta\tup\t0\t0\t0\tMNI152
Far 2020\ta\tup\t90\t0\t0\tMNI152
Near 2021\tb\tup\t2\t4\t6\tMNI152
"""


def test_seeds_hold_what_of_their_spheres_lies_in_the_image(tmp_path: Path) -> None:
    write_text(tmp_path / "foci.tsv", FOCI)
    config = Config(str(tmp_path), str(tmp_path / "out"), "group").update(
        {"seeds": {"coordinates": str(tmp_path / "foci.tsv")}}
    )
    write_text(tmp_path / "config.toml", config.to_toml())
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = -20
    made = MakeSeeds(
        config_file=str(tmp_path / "config.toml"),
        shape=[20, 20, 20],
        affine=affine.tolist(),
        entities={"space": "MNI152NLin6Asym", "task": "rest"},
    ).run(cwd=str(tmp_path))
    seeds = read_seed_matrix(Path(made.outputs.seeds_file))
    assert np.diff(seeds.weights.indptr).tolist() == [33, 33]
    images = [Path(path) for path in made.outputs.out_files if str(path).endswith(".nii.gz")]
    assert len(images) == 2
    assert all(path.is_file() for path in images)
