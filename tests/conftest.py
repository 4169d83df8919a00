"""Fixtures that tests of several folders share."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from fcnm_bids.simulate import SimulationDesign, Truth, simulate_dataset

# A run of the integration server says the same twice, and machines under load are slow.
settings.register_profile("repository", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("repository")

os.environ.setdefault("TEMPLATEFLOW_AUTOUPDATE", "off")  # no test waits for a network

pytest_plugins = ["tests.planned"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Keep tests that share an expensive fixture in one worker, so that it is made once.

    Taken for expensive are the fixtures of several tests that a folder or a file makes for
    itself, such as the results of a whole run; ``--dist loadgroup`` reads the mark.
    """
    manager = session._fixturemanager
    for item in items:
        places = {
            (own.scope == "module", own.baseid)
            for name in getattr(item, "fixturenames", ())
            for own in (manager.getfixturedefs(name, item) or ())[-1:]
            if own.scope in ("module", "package", "session")
            and own.baseid.startswith("tests/")
            and own.baseid != "tests/planned.py"
        }
        if places:
            item.add_marker(pytest.mark.xdist_group(min(places)[1]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the BLAS kernels that tests ran under."""
    used = {
        value
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "blas"
    }
    if used:
        listed = ", ".join(sorted(str(value) for value in used))
        terminalreporter.write_line(f"BLAS kernels (architecture, threads) tested: {listed}")


REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data that lie outside the repository; tests that need them skip without them."""
    folder = Path(os.environ.get("FCNM_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real test data at {folder} (set FCNM_TEST_DATA)")
    return folder.resolve()


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """Four participants with one or two runs, long enough for the default denoising; read only.

    The folder's name has a space and letters beyond ASCII in it.
    """
    design = SimulationDesign(
        n_participants=4,
        n_runs=(1, 2),
        voxel_size=8.0,
        n_volumes=120,
        repetition_time=3.0,
        n_studies=2,
        n_shared_studies=1,
    )
    return simulate_dataset(tmp_path_factory.mktemp("simulated") / "données 数据", design)


@pytest.fixture
def dataset(simulated: Truth, tmp_path: Path) -> Callable[..., Path]:
    """Make a derivatives folder of one's own with some of the simulated participants."""

    def copy(*participants: str) -> Path:
        folder = tmp_path / "fmriprep"
        keep = set(participants or ("01", "02", "03", "04"))
        leave = {f"sub-{label}" for label in ("01", "02", "03", "04") if label not in keep}
        shutil.copytree(simulated.fmriprep, folder, ignore=shutil.ignore_patterns(*leave))
        return folder

    return copy


@pytest.fixture(scope="session")
def slurm() -> None:
    """A Slurm that answers; tests that need it are skipped without one."""
    missed = "not tested: array jobs, and nodes as jobs, on a real Slurm"
    if shutil.which("sbatch") is None:
        pytest.skip(f"no sbatch here; {missed}")
    nodes = subprocess.run(
        ["sinfo", "--noheader", "--format=%t"], capture_output=True, text=True, check=False
    )
    if nodes.returncode or not {"idle", "mix", "alloc"} & set(nodes.stdout.split()):
        said = (nodes.stderr or nodes.stdout).strip().replace("\n", "; ")
        pytest.skip(f"Slurm has no node to give (is SLURM_CONF set?): {said}; {missed}")
