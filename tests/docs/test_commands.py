"""Every command on the pages: typed into a shell, held to its parser, run on simulated data."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.__main__ import build_parser as benchmarks_parser
from fcnm_bids.cli.parser import build_parser
from fcnm_bids.config import SECTIONS
from fcnm_bids.setting import flag
from fcnm_bids.simulate import SimulationDesign, simulate_dataset
from fcnm_bids.simulate.__main__ import build_parser as simulate_parser
from fcnm_bids.simulate.power import build_parser as power_parser
from simulation_studies.__main__ import build_parser as nulls_parser
from simulation_studies.stored_participants import build_parser as stored_parser
from tests.docs.desk import Desk
from tests.docs.held import check
from tests.docs.pages import (
    LANGUAGES,
    PAGES,
    REPOSITORY,
    blocks,
    inline_commands,
    languages,
    name_of,
    options,
    programs,
    sessions,
)

OURS = (
    build_parser,
    simulate_parser,
    nulls_parser,
    stored_parser,
    power_parser,
    benchmarks_parser,
)
OF_OTHERS = (
    "--partition",
    "--user",
    "--read-only",
    "--network",
    "--containall",
    "--cleanenv",
    "--compare",
    "--output-spaces",
)
KNOWN = {
    *OF_OTHERS,
    *(name for build in OURS for action in build()._actions for name in action.option_strings),
}
"""Options of our programs, and those of others that pages mention."""

WITH_COMMANDS = [page for page in PAGES if blocks(page)]
IN_FULL = REPOSITORY / "README.md"
"""The page whose group level is computed; on others it only looks at what it would do."""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk at which nothing is computed."""
    desk = Desk(tmp_path / "desk", really=False).furnish()
    for label in ("01", "02"):
        (desk.data / "fmriprep" / f"sub-{label}").mkdir(parents=True)
    for name in ("peaks.tsv", "other.tsv"):
        (desk.cwd / name).touch()
    monkeypatch.chdir(desk.cwd)
    return desk


def names(pages: list[Path]) -> list[str]:
    return [name_of(page) for page in pages]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=names(WITH_COMMANDS))
def test_every_command_is_one_that_its_program_takes(page: Path, desk: Desk) -> None:
    for block in sessions(page):
        done, text = desk.type(block, timeout=60)
        assert done.returncode == 0, f"{block}\n{text}\n{done.stderr}"
        calls = desk.typed()
        assert calls, f"{block}: no program was called"
        for call in calls:
            check(call)


def test_every_command_within_a_line_is_one_too(desk: Desk) -> None:
    (desk.cwd / "OUT").mkdir()
    inline = [block for page in PAGES for block in inline_commands(page)]
    assert len(inline) > 10
    for block in inline:
        if block.text in ("docker build", "podman load"):
            continue  # names of subcommands
        done, text = desk.type(block, timeout=60)
        assert done.returncode == 0, f"{block}\n{text}\n{done.stderr}"
        for call in desk.typed():
            check(call)


@pytest.mark.parametrize("page", list(PAGES), ids=names(list(PAGES)))
def test_every_block_says_what_it_is(page: Path) -> None:
    for block in languages(page):
        assert block.text in LANGUAGES or block.text.startswith("{"), block


@pytest.mark.parametrize("page", list(PAGES), ids=names(list(PAGES)))
def test_every_option_that_a_page_speaks_of_is_there(page: Path) -> None:
    for block in options(page):
        assert block.text in KNOWN, block


def test_defaults_in_the_table_of_the_front_page_are_those_of_the_program() -> None:
    table = (REPOSITORY / "README.md").read_text(encoding="utf-8").split("| option | default |")[1]
    rows = [line.split(" | ") for line in table.split("\n\n")[0].splitlines()[2:]]
    assert len(rows) > 10
    defaults = {
        flag(option): value
        for section in SECTIONS.values()
        for option, value in asdict(section()).items()
    }
    for named, stated, _ in rows:
        values = re.findall(r"\d[\d.]*|`\S+`", stated)
        of = [defaults[option] for option in re.findall(r"--[a-z-]+", named)]
        if stated == "none":
            assert not any(of), named
        elif values and "yeo" not in stated.lower():
            shown = [f"{v:g}" if isinstance(v, float) else f"`{v}`" for v in of]
            assert values == shown, named


@pytest.mark.parametrize("page", list(PAGES), ids=names(list(PAGES)))
def test_what_python_on_a_page_imports_is_there(page: Path) -> None:
    for block in programs(page):
        for node in ast.walk(ast.parse(block.text)):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(str(node.module))
                assert all(hasattr(module, name.name) for name in node.names), block


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk with simulated participants at which commands run, all pages at the same one."""
    desk = Desk(tmp_path_factory.mktemp("docs") / "desk", really=True).furnish()
    design = SimulationDesign(
        n_participants=6,
        voxel_size=8.0,
        n_volumes=150,
        repetition_time=3.0,
        n_studies=3,
        n_shared_studies=1,
    )
    truth = simulate_dataset(desk.data / "simulated", design)
    truth.fmriprep.rename(desk.data / "fmriprep")
    for name in ("peaks.tsv", "other.tsv"):
        shutil.copy(truth.coordinates, desk.cwd / name)
    for path in (desk.data / "fmriprep").rglob("sub-*"):
        if path.is_file() and path.parent.name == "func" and "confounds" not in path.name:
            copy = desk.data / "denoised" / path.relative_to(desk.data / "fmriprep")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy.with_name(path.name.replace("-preproc", "-denoised")))
    return desk


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=names(WITH_COMMANDS))
def test_commands_do_what_the_pages_say(page: Path, furnished: Desk) -> None:
    """In the order of `PAGES`: the front page makes the store that others map on."""
    masks = furnished.data / "lesion-masks"
    for seed in (furnished.data / "fcnm" / "seeds").glob("*_mask.nii.gz"):
        masks.mkdir(exist_ok=True)
        shutil.copy(seed, masks)
    names_of_masks = sorted(path.name for path in masks.glob("*.nii.gz"))
    scores = [f"{name}\t{number % 7}" for number, name in enumerate(names_of_masks)]
    (furnished.cwd / "scores.tsv").write_text("\n".join(["mask\tscore", *scores, ""]))
    contrasts = pd.read_csv(furnished.cwd / "peaks.tsv", sep="\t")["contrast"].unique()
    weeks = [f"{name}\t{number % 7}" for number, name in enumerate(contrasts)]
    (furnished.cwd / "moderators.tsv").write_text("\n".join(["contrast\tweeks", *weeks, ""]))
    for block in [*sessions(page), *inline_commands(page)]:
        done, text = furnished.type(block, timeout=600, brief=page != IN_FULL)
        assert done.returncode == 0, f"{block}\n{text}\n{done.stdout[-3000:]}{done.stderr}"


ONLINE = REPOSITORY / "docs" / "installation.md"
"""The page whose Python fetches templates."""

WITH_PYTHON = [page for page in PAGES if programs(page) and page != ONLINE]


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_PYTHON, ids=names(WITH_PYTHON))
def test_python_on_the_pages_runs(page: Path, furnished: Desk) -> None:
    run = next((furnished.data / "fcnm" / "connectome").rglob("sub-01_*_timeseries.h5"))
    for block in programs(page):
        program = block.text.replace("/data/", f"{furnished.data}/")
        program = program.replace("sub-01_..._desc-projected_timeseries.h5", str(run))
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=furnished.cwd,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stderr}"
        if "print(" in program:
            assert re.search(r"'increase': \d+ contrasts, \d+ voxels", done.stdout), done.stdout


@pytest.mark.slow
def test_every_file_is_on_the_page_of_outputs(furnished: Desk) -> None:
    patterns = file_patterns((REPOSITORY / "docs" / "outputs.md").read_text(encoding="utf-8"))
    root = furnished.data / "fcnm"
    files = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
    images = [f for f in files if f.startswith(("group/", "seeds/", "sub-")) and "figures" not in f]
    assert len(images) > 100
    unknown = [
        file
        for file in images
        if not any(pattern.fullmatch(re.sub(r"\.json$", "", file)) for pattern in patterns)
    ]
    assert not unknown, "\n".join(sorted(unknown)[:20])


def file_patterns(page: str) -> list[re.Pattern[str]]:
    """Files of the tables, whatever folder and extension, as they would be matched."""
    cells = [line.split(" | ")[0] for line in page.splitlines() if line.startswith("| `")]
    found = []
    for cell in cells:
        for name in re.findall(r"`([^`]+)`", cell):
            stem = re.sub(r"\.(nii\.gz|tsv|json)$", "", name)
            pattern = re.sub(r"<[a-zA-Z]+>", "@", stem)
            pattern = re.escape(pattern).replace("@", "[A-Za-z0-9_-]+").replace(r"\*", "[^/]*")
            pattern = re.sub(r"\\\{(.*?)\\\}", lambda m: f"(?:{m[1].replace(',', '|')})", pattern)
            found.append(re.compile(rf"(?:.*/)?{pattern}(?:\.nii\.gz|\.tsv)?"))
    return found
