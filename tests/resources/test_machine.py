"""Memory and processors are those that the process may use, not those of the machine."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from fcnm_bids.config import Config, usable_processors
from fcnm_bids.resources import machine
from fcnm_bids.resources.machine import cgroup_limit_gb, held_gb


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_smallest_limit_of_version_2_counts_wherever_it_stands(tmp_path: Path) -> None:
    own = written(tmp_path / "list", "0::/job/step\n")
    mount = tmp_path / "cgroup"
    written(mount / "job" / "step" / "memory.max", "max\n")
    assert cgroup_limit_gb(mount, own) == math.inf
    written(mount / "job" / "memory.max", "8000000000\n")
    assert cgroup_limit_gb(mount, own) == 8.0
    written(mount / "memory.max", "4000000000\n")
    assert cgroup_limit_gb(mount, own) == 4.0


def test_version_1_has_a_folder_for_memory(tmp_path: Path) -> None:
    own = written(tmp_path / "list", "5:cpu,cpuacct:/a\n4:memory:/docker/b\n0::/\n")
    limit = tmp_path / "cgroup" / "memory" / "memory.limit_in_bytes"
    written(limit, "2000000000\n")
    assert cgroup_limit_gb(tmp_path / "cgroup", own) == 2.0


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert cgroup_limit_gb(tmp_path / "none", tmp_path / "neither") == math.inf


def test_workers_get_what_this_process_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config("in", "out", "group")
    monkeypatch.setattr(machine, "machine_gb", lambda: 10.0)
    monkeypatch.setattr(machine, "held_gb", lambda: 1.5)
    assert machine.allowed_gb(config) == pytest.approx(7.5)
    assert machine.allowed_gb(config.update({"resources": {"mem_gb": 4.0}})) == 2.5
    assert machine.allowed_gb(config.update({"resources": {"mem_gb": 1.0}})) == 0.5


def test_the_limit_of_the_group_is_below_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cgroup_limit_gb", lambda: 0.25)
    assert machine.machine_gb() == 0.25
    assert held_gb() > 0.01


def test_processors_are_those_of_this_process() -> None:
    assert usable_processors() == len(os.sched_getaffinity(0))
