"""Interfaces read their request from its file, and promise files with their sidecars."""

from __future__ import annotations

from pathlib import Path

import pytest
from threadpoolctl import threadpool_info

from fcnm_bids.config import Config
from fcnm_bids.interfaces.base import (
    ConfiguredInterface,
    DerivativesOutputSpec,
    SeededInputSpec,
)

ENTITIES = {"space": "MNI152NLin6Asym", "res": "2", "task": "rest", "run": 1}


class Noting(ConfiguredInterface):
    """An interface that notes what it was given."""

    input_spec = SeededInputSpec
    output_spec = DerivativesOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        names = self._names(config)
        image = names.network("up", "mask")
        table = names.network_table("up", "clusters", "clusters")
        self._expect([image, table], [folder / "figure.svg"])
        self.seen = config, names, {pool["num_threads"] for pool in threadpool_info()}


def test_the_request_names_the_outputs(tmp_path: Path) -> None:
    config = Config("in", str(tmp_path / "out"), "group").update(
        {"group": {"alpha": 0.01}, "resources": {"omp_nthreads": 1}}
    )
    (tmp_path / "config.toml").write_text(config.to_toml())
    (tmp_path / "seeds.npz").touch()
    noting = Noting(
        config_file=str(tmp_path / "config.toml"),
        seeds_file=str(tmp_path / "seeds.npz"),
        entities=ENTITIES,
    )
    done = noting.run(cwd=str(tmp_path))
    seen, names, threads = noting.seen
    assert seen == config
    assert names.root == tmp_path / "out"
    assert names.place == {"space": "MNI152NLin6Asym", "res": "2"}
    assert threads == {1}
    group = tmp_path / "out" / "group"
    stem = "network-up_space-MNI152NLin6Asym_res-2_mask"
    assert done.outputs.out_files == [
        str(group / f"{stem}.nii.gz"),
        str(group / "network-up_desc-clusters_clusters.tsv"),
        str(group / f"{stem}.json"),
        str(group / "network-up_desc-clusters_clusters.json"),
        str(tmp_path / "figure.svg"),
    ]


def test_an_interface_without_content_cannot_run(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(Config("in", "out", "group").to_toml())

    class Nothing(ConfiguredInterface):
        input_spec = SeededInputSpec
        output_spec = DerivativesOutputSpec

    (tmp_path / "seeds.npz").touch()
    nothing = Nothing(
        config_file=str(tmp_path / "config.toml"),
        seeds_file=str(tmp_path / "seeds.npz"),
        entities=ENTITIES,
    )
    with pytest.raises(NotImplementedError):
        nothing.run(cwd=str(tmp_path))
