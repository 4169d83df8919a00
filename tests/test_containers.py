"""What holds for the container recipes; the slow tests build the image and run it."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from fcnm_bids.kernels.library import VERSION as KERNELS_VERSION
from tests.same_maps import compare

REPOSITORY = Path(__file__).resolve().parent.parent
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()
DEFINITION = (REPOSITORY / "singularity" / "fcnm_bids.def").read_text()
BUILD_LOCK = (REPOSITORY / "docker" / "requirements-build.txt").read_text()
VERSION = (REPOSITORY / "version").read_text().strip()
RECIPES = (
    "Dockerfile",
    ".dockerignore",
    "docker/requirements-build.txt",
    "docker/fetch_templates.py",
    "docker/slim.py",
    "singularity/fcnm_bids.def",
    "singularity/slurm_array.sh",
    "singularity/slurm_workflow.sh",
)
BASE_IMAGE = "docker.io/library/python:3.12-slim-bookworm"
IMAGE = "localhost/fcnm_bids:test"
LARGEST_OWN_BYTES = 450e6


def pins(lock: str) -> dict[str, str]:
    """Name and version of every package of a lock."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", lock, re.MULTILINE))


def sections(definition: str) -> dict[str, str]:
    """The sections of an Apptainer definition file."""
    parts = re.split(r"^%(\w+)\n", definition, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def docker_environment() -> dict[str, str]:
    """What ENV sets in the last stage."""
    last = re.sub(r"\\\n\s*", " ", DOCKERFILE.split("\nFROM ")[-1])
    (line,) = re.findall(r"^ENV (.*)$", last, re.MULTILINE)
    return dict(item.split("=", 1) for item in line.split())


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_names_no_address(recipe: str) -> None:
    assert "://" not in (REPOSITORY / recipe).read_text()


def test_the_base_image_can_be_replaced() -> None:
    assert re.findall(r"^ARG BASE_IMAGE=(\S+)$", DOCKERFILE, re.MULTILINE) == [
        "python:3.12-slim-bookworm"
    ]
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert stages == ["${BASE_IMAGE}"] * 2
    assert f"    FROM={BASE_IMAGE.rpartition('/')[2]}\n" in DEFINITION


@pytest.mark.parametrize("recipe", [DOCKERFILE, sections(DEFINITION)["post"]])
def test_nothing_is_fetched_without_a_hash(recipe: str) -> None:
    commands = re.findall(r"pip install (.*)", re.sub(r"\\\n\s*", " ", recipe))
    assert len(commands) == 3
    for command in commands:
        assert "--require-hashes" in command or "--no-index --no-deps" in command
        # with build isolation, pip would fetch the backends without hashes
        assert "--no-build-isolation" in command or "--only-binary :all: -r" in command
    for fetcher in ("apt-get", "curl", "wget", "ADD "):
        assert fetcher not in recipe


def test_the_backends_are_hashed_and_those_of_the_lock() -> None:
    blocks = re.split(r"\n(?=\S)", BUILD_LOCK.strip())
    assert all("--hash=sha256:" in block for block in blocks)
    backends = pins(BUILD_LOCK)
    assert {"hatchling", "setuptools"} <= backends.keys()
    development = pins((REPOSITORY / "requirements-dev.txt").read_text())
    for name in backends.keys() & development.keys():
        assert backends[name] == development[name]


@pytest.mark.parametrize("recipe", [DOCKERFILE, sections(DEFINITION)["post"]])
def test_what_only_builds_does_not_stay(recipe: str) -> None:
    (removed,) = re.findall(r"uninstall --yes(.*)", re.sub(r"\\\n\s*", " ", recipe))
    runtime = pins((REPOSITORY / "requirements.txt").read_text())
    only_for_building = pins(BUILD_LOCK).keys() - runtime.keys()
    assert set(removed.removesuffix("&& ").split()) - {"&&"} >= only_for_building | {"pip"}


def test_both_images_give_the_program_the_same_environment() -> None:
    exported = dict(re.findall(r"export (\w+)=(\S+)", sections(DEFINITION)["environment"]))
    docker = docker_environment()
    assert docker.pop("HOME") == "/opt/home"
    assert docker.pop("LOGNAME") == "fcnm"
    assert exported.pop("LOGNAME") == '"${LOGNAME:-fcnm}"'
    assert docker.pop("PATH").split(":")[0] == exported.pop("PATH").split(":")[0]
    assert exported == docker
    assert docker["NO_ET"] == docker["NIPYPE_NO_ET"] == docker["OMP_NUM_THREADS"] == "1"


def test_the_entry_point_is_the_app_and_its_version_that_of_the_package() -> None:
    assert re.search(r'^ENTRYPOINT \["fcnm-bids"\]$', DOCKERFILE, re.MULTILINE)
    assert re.search(rf"^ARG VERSION={re.escape(VERSION)}$", DOCKERFILE, re.MULTILINE)
    assert f"    VERSION={VERSION}\n" in DEFINITION
    assert 'exec fcnm-bids "$@"' in sections(DEFINITION)["runscript"]


def test_both_images_have_the_same_labels() -> None:
    last = re.sub(r"\\\n\s*", " ", DOCKERFILE.split("\nFROM ")[-1])
    docker = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]+)"', last))
    wanted = {"source", "url", "documentation", "authors", "created", "revision", "version"}
    assert wanted <= docker.keys()
    apptainer = dict(
        re.findall(r"org\.opencontainers\.image\.(\w+) (.+)", sections(DEFINITION)["labels"])
    )
    named = {name: re.sub(r"\{\{ (\w+) \}\}", r"${\1}", text) for name, text in apptainer.items()}
    assert named == docker
    for argument in re.findall(r"\$\{(\w+)\}", " ".join(docker.values())):
        assert re.search(rf"^ARG {argument}=", DOCKERFILE, re.MULTILINE)


def test_the_context_holds_what_is_built_and_nothing_else() -> None:
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and line[0] != "#"]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule[0] == "!"}
    assert {
        "build_kernels.py",
        "CITATION.cff",
        "fcnm_bids",
        "pyproject.toml",
        "requirements.txt",
        "version",
        "docker",
    } <= let_in
    assert not let_in & {"tests", "data", "demo", "docs", "benchmarks", ".git"}
    # libraries of a checkout may be older than their sources
    assert "**/*.so" in rules
    assert "rm -f fcnm_bids/kernels/*.so\n" in sections(DEFINITION)["post"]
    copied = {line.split()[0] for line in sections(DEFINITION)["files"].split("\n") if line.strip()}
    assert copied <= let_in
    assert {path for path in copied if not (REPOSITORY / path).exists()} == set()


def test_the_definition_has_its_sections() -> None:
    wanted = {"arguments", "files", "post", "environment", "runscript", "test", "labels", "help"}
    assert sections(DEFINITION).keys() == wanted
    declared = set(re.findall(r"^    (\w+)=", sections(DEFINITION)["arguments"], re.MULTILINE))
    assert set(re.findall(r"{{ (\w+) }}", DEFINITION)) == declared
    assert "--version" in sections(DEFINITION)["test"]


def test_hadolint_finds_nothing() -> None:
    beside = Path(sys.executable).with_name("hadolint")
    hadolint = str(beside) if beside.is_file() else shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("no hadolint here: the Dockerfile was not linted")
    found = subprocess.run(
        [hadolint, str(REPOSITORY / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout) == (0, "")


def load(name: str) -> ModuleType:
    """Import a script of docker/."""
    path = REPOSITORY / "docker" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def templates() -> ModuleType:
    """The script that fetches templates into the image."""
    return load("fetch_templates")


def test_skipped_templates_leave_a_note(
    templates: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "templateflow"
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(home))
    assert templates.main(["skip"]) == 0
    (note,) = home.iterdir()
    assert "left out" in note.read_text()
    assert str(home) in note.read_text()


@pytest.mark.parametrize(
    ("position", "name"),
    [
        (1, "tpl-MNI152NLin2009cAsym_res-02_desc-brain_mask.nii.gz"),
        (4, "tpl-MNI152NLin2009cAsym_atlas-Schaefer2018_desc-400Parcels7Networks_dseg.tsv"),
    ],
)
def test_a_template_is_the_one_that_is_recorded(
    templates: ModuleType, shared_data: Path, tmp_path: Path, position: int, name: str
) -> None:
    *_, n_bytes, md5 = templates.WANTED[position]
    content = (shared_data / "templateflow" / name.split("_")[0] / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(content)
    templates.check(path, n_bytes, md5)
    for other in (content[:-1], content[:-1] + bytes([content[-1] ^ 1]), b""):
        path.write_bytes(other)
        with pytest.raises(SystemExit, match=f"{name}: {len(other)} bytes .* are recorded; remove"):
            templates.check(path, n_bytes, md5)


def test_templates_are_listed_with_their_hashes(shared_data: Path, tmp_path: Path) -> None:
    home = tmp_path / "templateflow"
    shutil.copytree(shared_data / "templateflow", home)
    for name in ("2009cAsym_res-02_seg-aseg", "6Asym_res-02_atlas-HCP"):
        space = f"tpl-MNI152NLin{name.split('_')[0]}"
        (home / space / f"tpl-MNI152NLin{name}_dseg.nii.gz").write_bytes(b"not of TemplateFlow")
    placeholder = home / "tpl-Other" / "tpl-Other_T1w.nii.gz"
    placeholder.parent.mkdir()
    placeholder.touch()
    # the copies there are not all of TemplateFlow's bytes: record what they are
    code = (
        "import fetch_templates as script, hashlib; from templateflow import api\n"
        "found = [(s, q, api.get(s, **q).read_bytes()) for s, q, *_ in script.WANTED]\n"
        "script.WANTED = [(s, q, len(c), hashlib.md5(c).hexdigest()) for s, q, c in found]\n"
        "script.main(['fetch'])"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TEMPLATEFLOW_HOME": str(home)},
        cwd=REPOSITORY / "docker",
        check=True,
        capture_output=True,
    )
    lines = (home / "TEMPLATES.txt").read_text().splitlines()[1:]
    assert len(lines) == 11
    assert all(re.fullmatch(r"[0-9a-f]{64} +\d+  tpl-\S+", line) for line in lines)
    assert not placeholder.parent.exists()


def test_what_only_tests_and_compilers_read_is_removed(tmp_path: Path) -> None:
    script = load("slim")
    kept = ("a/__init__.py", "a/lib.so", "a/testing/run.py", "b/__init__.py", "b/__init__.pyi")
    dropped = ("a/tests/data/x.nii.gz", "a/core/test/t.py", "a/fast.pyx", "a/fast.c", "a/fast.pyi")
    for name in (*kept, *dropped, "a/__pycache__/old.cpython-312.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    (tmp_path / "b" / "__init__.py").write_text("lazy_loader.attach_stub(__name__, __file__)")
    assert script.slim(tmp_path) == len(dropped) + 1
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(kept)


def test_byte_code_is_made_of_what_functions_import_too(tmp_path: Path) -> None:
    package = tmp_path / "p"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text("import json")
    (package / "m.py").write_text("def f():\n    from os import path\n    import csv")
    assert set(load("slim").imported_names(package)) == {"p", "p.m", "json", "os", "csv"}


@pytest.fixture
def slurm(tmp_path: Path) -> dict[str, str]:
    """An environment whose sbatch writes down what it was given and answers with a job's number."""
    sbatch = tmp_path / "bin" / "sbatch"
    sbatch.parent.mkdir()
    sbatch.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$*" >> {tmp_path}/submitted\n'
        f'echo "$(wc -l < {tmp_path}/submitted | tr -d " ")7;cluster"\n'
    )
    sbatch.chmod(0o755)
    for label in ("02", "01"):
        (tmp_path / "bids" / f"sub-{label}").mkdir(parents=True)
    # a participant's folder may be a link, which the program follows, too
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "bids" / "sub-03").symlink_to(tmp_path / "elsewhere")
    return {
        "PATH": f"{sbatch.parent}:{os.environ['PATH']}",
        "FCNM_RUN": "echo ran",
        "SLURM_CPUS_PER_TASK": "3",
        "SLURM_MEM_PER_NODE": "4000",
    }


def call(script: str, *arguments: object, env: dict[str, str], cwd: Path) -> str:
    """Run a script of singularity/; its output."""
    command = ["bash", str(REPOSITORY / "singularity" / script), *map(str, arguments)]
    return subprocess.run(
        command, env=env, cwd=cwd, capture_output=True, text=True, check=True
    ).stdout


def test_the_array_script_submits_a_task_a_participant_and_then_the_group(
    tmp_path: Path, slurm: dict[str, str]
) -> None:
    said = call("slurm_array.sh", "bids", "out", "--radius", "6", env=slurm, cwd=tmp_path)
    assert "job 17, 3 tasks; group level: job 27" in said
    array, group = (tmp_path / "submitted").read_text().splitlines()
    assert "--array=1-3%50" in array
    (listed,) = (tmp_path / "out-work").glob("participants-*.txt")
    assert listed.read_text().split() == ["01", "02", "03"]
    assert array.endswith(f"--job participant {tmp_path}/bids {tmp_path}/out {listed} --radius 6")
    assert "--dependency=afterok:17 --kill-on-invalid-dep=yes" in group
    assert group.endswith(f"--job group {tmp_path}/bids {tmp_path}/out")

    task = {**slurm, "SLURM_ARRAY_TASK_ID": "2", "FCNM_WORK_DIR": f"{tmp_path}/out-work"}
    job = ("--job", "participant", "bids", "out", listed)
    ran = call("slurm_array.sh", *job, env=task, cwd=tmp_path)
    assert ran.split() == [
        *("ran", "bids", "out", "participant", "--participant-label", "02"),
        *("-w", f"{tmp_path}/out-work/sub-02", "--nprocs", "3", "--mem-mb", "4000"),
    ]
    with pytest.raises(subprocess.CalledProcessError) as error:
        call("slurm_array.sh", *job, env={**task, "SLURM_ARRAY_TASK_ID": "4"}, cwd=tmp_path)
    assert "has no line 4; submit again" in error.value.stderr


def test_tasks_of_two_submissions_keep_to_their_own_participants(
    tmp_path: Path, slurm: dict[str, str]
) -> None:
    for labels in ("01 02", "03 04", "01 02"):
        call(
            "slurm_array.sh",
            "bids",
            "out",
            env={**slurm, "FCNM_PARTICIPANTS": labels},
            cwd=tmp_path,
        )
    arrays = (tmp_path / "submitted").read_text().splitlines()[::2]
    done = []
    for array in arrays:
        job = array[array.index("--job ") :].split()
        task = {**slurm, "SLURM_ARRAY_TASK_ID": "2", "FCNM_WORK_DIR": f"{tmp_path}/out-work"}
        done.append(call("slurm_array.sh", *job, env=task, cwd=tmp_path).split()[5])
    assert done == ["02", "04", "02"]
    assert len(list((tmp_path / "out-work").glob("*participants*"))) == 2


def test_the_array_script_without_participants_submits_nothing(
    tmp_path: Path, slurm: dict[str, str]
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(subprocess.CalledProcessError) as error:
        call("slurm_array.sh", "empty", "out", env=slurm, cwd=tmp_path)
    assert error.value.returncode == 2
    assert "no sub-* folder" in error.value.stderr
    assert not (tmp_path / "submitted").exists()


def test_the_workflow_script_runs_both_levels(tmp_path: Path, slurm: dict[str, str]) -> None:
    ran = call(
        "slurm_workflow.sh",
        *("bids", "out", "--radius", "6"),
        env={**slurm, "FCNM_GROUP": "--alpha 0.01"},
        cwd=tmp_path,
    ).splitlines()
    resources = f"-w {tmp_path}/out-work --nprocs 3 --mem-mb 4000"
    assert ran == [
        f"ran {tmp_path}/bids {tmp_path}/out participant {resources} --radius 6",
        f"ran {tmp_path}/bids {tmp_path}/out group {resources} --alpha 0.01",
    ]


def podman(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run podman with the settings of the development machine, where there are any."""
    settings = REPOSITORY.parent / "shared" / "tools" / "containers.conf"
    environment = dict(os.environ)
    if settings.is_file():
        environment.setdefault("CONTAINERS_CONF", str(settings))
    done = subprocess.run(
        ["podman", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert not check or done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done


@pytest.fixture(scope="module")
def image() -> str:
    """The image, built from the Dockerfile."""
    missed = "not tested: that the image builds, its size, and the demonstration inside it"
    if not os.environ.get("FCNM_TEST_CONTAINERS"):
        pytest.skip(f"FCNM_TEST_CONTAINERS is not set; {missed}")
    if shutil.which("podman") is None:
        pytest.skip(f"no podman here; {missed}")
    if podman("image", "exists", BASE_IMAGE, check=False).returncode:
        pytest.skip(f"podman has no {BASE_IMAGE}; {missed}")
    options = ("--network", "host", "--build-arg", "TEMPLATES=skip")
    podman("build", *options, "--tag", IMAGE, str(REPOSITORY))
    return IMAGE


@pytest.mark.slow
def test_the_image_is_small_and_answers_without_data(image: str) -> None:
    sizes = podman("image", "inspect", "--format", "{{.Size}}", image, BASE_IMAGE).stdout
    whole, base = map(int, sizes.split())
    assert whole - base < LARGEST_OWN_BYTES
    locked_up = ("run", "--rm", "--read-only", "--user", "1234:1234", "--network", "none", image)
    assert podman(*locked_up, "--version").stdout == f"fcnm-bids {VERSION}\n"
    assert podman(*locked_up, "--help").stdout.startswith("usage: fcnm-bids")
    assert podman(*locked_up, "/no", "/no/out", "group", check=False).returncode == 2
    inside = (*locked_up[:-1], "--entrypoint", "python", image, "-c")
    load = "from fcnm_bids.kernels.library import load; print(load().fcnm_kernels_version())"
    assert podman(*inside, load).stdout == f"{KERNELS_VERSION}\n"
    found = podman(*inside, "import importlib.util as u; print(u.find_spec('ziglang'))")
    assert found.stdout == "None\n"


@pytest.mark.slow
def test_the_locked_up_image_and_bare_metal_give_the_same_maps(image: str, tmp_path: Path) -> None:
    # six participants are too few for a family-wise threshold to leave voxels in the masks
    options = ["--participants", "6", "--nprocs", "2", "--height-control", "t=4"]
    demo = ["-m", "fcnm_bids.cli.demo", *options, "--output"]
    bare, contained = tmp_path / "bare", tmp_path / "contained"
    subprocess.run(
        [sys.executable, *demo, str(bare)], cwd=REPOSITORY, check=True, capture_output=True
    )
    contained.mkdir()
    shutil.copytree(bare / "data", contained / "data")
    for path in (contained, *contained.rglob("*")):
        path.chmod(path.stat().st_mode | (0o077 if path.is_dir() else 0o044))
    # nothing but the one folder can be written: not even /tmp
    podman(
        *("run", "--rm", "--read-only", "--read-only-tmpfs=false", "--user", "1234:1234"),
        *("--network", "none", "--volume", f"{contained}:/out", "--entrypoint", "python"),
        *(image, *demo, "/out"),
    )
    same = compare(bare / "results", contained / "results")
    print(same)
    assert same.in_masks > 1000
