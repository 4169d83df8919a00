"""The package's public names, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import fcnm_bids

PUBLIC = {
    "Connectome": ["from_derivatives", "grid", "map", "network", "networks", "participants"],
    "NetworkResult": [
        *("at", "atlas", "clusters", "contrasts", "effect", "folder", "grid", "mask_img"),
        *("mean_z_img", "multiverse", "outcomes", "plot", "probability_img", "report", "request"),
        *("robustness", "space", "specificity", "threshold"),
    ],
    "OutcomeMap": [
        *("is_group", "mask_img", "name", "pfwe_img", "plot", "r_img", "seeds", "t_img", "tests"),
    ],
    "Results": [
        *("folder", "get", "items", "keys", "outcomes", "participants", "report", "values"),
    ],
    "SeedMap": [
        *("effect", "foci", "mask_img", "mean_z_img", "n_participants", "name", "plot"),
        *("studies", "t_img", "tail", "threshold", "z_img"),
    ],
    "__version__": [],
    "load_results": [],
}
"""Names that scripts may rely on; a name goes only with a major version."""


def test_public_names_are_listed_and_there() -> None:
    assert fcnm_bids.__all__ == list(PUBLIC)
    assert dir(fcnm_bids) == sorted(PUBLIC)


@pytest.mark.parametrize("name", [name for name, members in PUBLIC.items() if members])
def test_public_members_are_listed_and_described(name: str) -> None:
    public = getattr(fcnm_bids, name)
    fields = getattr(public, "__dataclass_fields__", {})
    own = {"folder"} if name == "Results" else set(fields)
    members = {member for member in dir(public) if not member.startswith("_")} | own
    assert sorted(members) == PUBLIC[name]
    for member in members - own:
        assert getattr(public, member).__doc__, member
    assert all(field in public.__doc__ for field in fields)


def test_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, fcnm_bids; heavy = {'nipype', 'pandas', 'numpy', 'scipy', 'nibabel'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_library_does_not_load_nipype() -> None:
    code = "import sys; from fcnm_bids import Connectome; print('nipype' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_program_leaves_what_is_slow_to_import_to_those_who_need_it() -> None:
    code = (
        "import sys, fcnm_bids.app.group, fcnm_bids.app.participant, fcnm_bids.workflows.group;"
        "slow = {'signal', 'stats', 'optimize', 'spatial', 'ndimage'};"
        "named = {*(f'scipy.{part}' for part in slow), 'matplotlib', 'bids'};"
        "print(sorted(named & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
