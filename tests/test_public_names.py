"""The package's public names, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import fcnm_bids

PUBLIC = ["Connectome", "NetworkResult", "Results", "SeedMap", "__version__", "load_results"]


def test_public_names_are_listed_and_there() -> None:
    assert fcnm_bids.__all__ == PUBLIC
    assert dir(fcnm_bids) == sorted(PUBLIC)
    for name in PUBLIC:
        assert getattr(fcnm_bids, name)


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


def test_the_program_leaves_slow_parts_of_scipy_to_those_who_need_them() -> None:
    code = (
        "import sys, fcnm_bids.app.group, fcnm_bids.app.participant, fcnm_bids.workflows.group;"
        "print(sorted({'scipy.signal', 'scipy.stats', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
