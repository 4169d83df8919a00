"""Digests depend on the settings that change a result, and on no others."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fcnm_bids.config import (
    DenoisingSettings,
    GroupSettings,
    SeedSettings,
    SpecificitySettings,
)
from fcnm_bids.reruns.keys import digest, fingerprint
from fcnm_bids.setting import EVERYTHING, NOTHING, affecting, effective, setting

GROUP, NULLS = GroupSettings(), SpecificitySettings()
NETWORK = {name: v for name, v in effective(GROUP, "network").items() if name != "exclude_near"}
TESTS = {name: v for name, v in effective(NULLS, "network").items() if name != "compare_maps"}
"""Settings of a network and of its tests but those that older outputs lack."""


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (affecting(GROUP, "contrast"), "2a643d95c13a8cc7"),
        (NETWORK, "474023f318103f39"),
        (affecting(GROUP, "draws"), "afd8a008e5d401a6"),
        (affecting(GROUP, "degree"), "77f174a6f46b3a63"),
        ({"how": tuple(affecting(NULLS, "draws").values())}, "ccba2013db6e312e"),
        ({**TESTS, "specificity": ("random",)}, "a8d3f88ba91cb7ad"),
        (affecting(DenoisingSettings(), "participant"), "248321522a9abde9"),
        (affecting(SeedSettings(), "contrast"), "916a5e89c709a322"),
    ],
)
def test_digests_are_those_of_release_0_1(record: dict[str, object], expected: str) -> None:
    """Old output folders stay complete; recorded before settings declared what they affect."""
    assert digest(record)[:16] == expected


def test_a_file_is_known_by_all_its_bytes(tmp_path: Path) -> None:
    """A bgzip file ends in the same eight bytes, whatever it holds."""
    path, found = tmp_path / "grey.nii.gz", set()
    for content in (b"one", b"two"):
        path.write_bytes(gzip.compress(content, mtime=0) + gzip.compress(b"", mtime=0))
        found.add(fingerprint(path))
    assert len(found) == 2


@dataclass(frozen=True)
class Section:
    """A new option of each kind, and one with an earlier name."""

    new: float = setting(1.0, "help")
    scratch: bool = setting(False, "help", affects=NOTHING)
    renamed: int = setting(2, "help", formerly=("old",))
    later: int = setting(0, "help", later=True)


@pytest.mark.parametrize("key", sorted(EVERYTHING))
def test_a_new_option_is_in_every_key_unless_it_declares_otherwise(key: str) -> None:
    assert affecting(Section(), key) == {"new": 1.0, "old": 2}
    changed = replace(Section(), new=3.0, scratch=True)
    assert affecting(changed, key) == {"new": 3.0, "old": 2}
    assert effective(changed, key) == {"new": 3.0, "scratch": False, "old": 2}
    later = replace(changed, later=4)
    assert affecting(later, key) == {"new": 3.0, "old": 2, "later": 4}
    assert effective(later, key) == {"new": 3.0, "scratch": False, "old": 2, "later": 4}
