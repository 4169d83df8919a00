"""Interfaces read their request from its file, and promise files with their sidecars."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from nipype.interfaces.base import TraitError
from threadpoolctl import threadpool_info

from fcnm_bids.config import Config
from fcnm_bids.interfaces.base import PORTS, ConfiguredInterface

ENTITIES = {"space": "MNI152NLin6Asym", "res": "2", "task": "rest", "run": 1}


class Noting(ConfiguredInterface):
    """An interface that notes what it was given."""

    takes = ("seeds_file", "entities")

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
        takes = ("seeds_file", "entities")

    (tmp_path / "seeds.npz").touch()
    nothing = Nothing(
        config_file=str(tmp_path / "config.toml"),
        seeds_file=str(tmp_path / "seeds.npz"),
        entities=ENTITIES,
    )
    with pytest.raises(NotImplementedError):
        nothing.run(cwd=str(tmp_path))


def test_inputs_and_outputs_are_those_that_an_interface_names(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(Config("in", "out", "group").to_toml())

    class Some(Noting):
        takes = ("number",)
        may_take = ("halves",)
        gives = ("strength_file",)

    some = Some(config_file=str(tmp_path / "config.toml"))
    assert set(some.inputs.copyable_trait_names()) == {"config_file", "number", "halves"}
    assert set(some.output_spec().copyable_trait_names()) == {"strength_file"}
    assert set(some.inputs.traits(mandatory=True)) == {"config_file", "number"}
    assert some.inputs.trait("halves").desc == PORTS["halves"][1]
    with pytest.raises(TraitError):
        some.inputs.number = "one"
    with pytest.raises(TraitError):
        some.inputs.config_file = str(tmp_path / "another.toml")


def test_inputs_survive_the_way_to_another_process(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(Config("in", "out", "group").to_toml())
    noting = Noting(config_file=str(tmp_path / "config.toml"), entities=ENTITIES)
    copied = pickle.loads(pickle.dumps(noting))
    assert copied.inputs.get() == noting.inputs.get()
    assert isinstance(copied.inputs, Noting.input_spec)
