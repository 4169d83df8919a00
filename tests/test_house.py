"""What holds for the repository as a whole."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import tomllib
from pathlib import Path
from pkgutil import iter_modules

import pytest
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import fcnm_bids

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "fcnm_bids"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
LOCKS = {
    "requirements.txt": PROJECT["dependencies"],
    "requirements-dev.txt": PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"],
}
SUPPORTED_PYTHON = ("3.11", "3.12", "3.13")
MACHINE_PATH = re.compile(r"(?<![\w.~$})-])/(?:root|home|Users|work|farm)/")


def pins(lock: str) -> list[Requirement]:
    """The pinned packages of a lock file, without their hashes."""
    lines = (REPOSITORY / lock).read_text().splitlines()
    return [Requirement(line.rstrip(" \\")) for line in lines if line and line[0] not in " #"]


def holds(pin: Requirement, python: str) -> bool:
    """Whether `pin` is meant for CPython of this version on Linux."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": "linux",
        "platform_python_implementation": "CPython",
    }
    return pin.marker is None or pin.marker.evaluate(environment)


@pytest.fixture(scope="module")
def committed() -> list[Path]:
    """The files that are in the repository or would be with the next commit."""
    git = ["git", "-c", "safe.directory=*"]
    listing = subprocess.run(
        [*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode:
        pytest.skip(f"not a git checkout: {listing.stderr.strip()}")
    files = [REPOSITORY / name for name in listing.stdout.split("\0") if name]
    return [file for file in files if file.is_file()]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_no_address(lock: str) -> None:
    text = (REPOSITORY / lock).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-", re.sub(r"^\s*--hash=sha256:", "", text, flags=re.M), re.M)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_is_exact_and_hashed(lock: str) -> None:
    blocks = re.split(r"\n(?=\S)", (REPOSITORY / lock).read_text().strip())
    assert blocks
    for block in blocks:
        assert re.match(r"[a-z0-9.-]+==\S+", block)
        assert "--hash=sha256:" in block


@pytest.mark.parametrize("python", SUPPORTED_PYTHON)
@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_meets_what_the_project_asks_for(lock: str, python: str) -> None:
    locked = {canonicalize_name(pin.name): pin for pin in pins(lock) if holds(pin, python)}
    for wanted in map(Requirement, LOCKS[lock]):
        (version,) = [s.version for s in locked[canonicalize_name(wanted.name)].specifier]
        assert wanted.specifier.contains(version), f"{wanted} is not met by {version}"


def test_the_development_lock_contains_the_runtime_lock() -> None:
    runtime, development = ({str(pin) for pin in pins(lock)} for lock in LOCKS)
    assert runtime <= development


def test_no_lock_with_addresses_is_committed(committed: list[Path]) -> None:
    assert not {file.name for file in committed} & {"uv.lock", "pylock.toml", "poetry.lock"}


def test_no_path_of_one_machine_is_committed(committed: list[Path]) -> None:
    found = [
        f"{file.relative_to(REPOSITORY)}:{number}: {line.strip()}"
        for file in committed
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("data = '" + "/ho" + "me/anna/bids'", True),
        ("cd /ro" + "ot/project", True),
        ("mount=/wo" + "rk/data", True),
        ("docker run -v $PWD/wo" + "rk/a:/out", False),
        ("see docs/wo" + "rk/index.md and ./home/page", False),
        ("-w /scratch/work", False),
    ],
)
def test_paths_of_one_machine_are_recognised(line: str, wrong: bool) -> None:
    assert bool(MACHINE_PATH.search(line)) is wrong


def test_the_version_is_the_same_everywhere() -> None:
    stated = (REPOSITORY / "version").read_text().strip()
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?(\.dev\d+)?", stated)
    assert fcnm_bids.__version__ == stated
    assert ProjectMetadata(str(REPOSITORY), PluginManager()).version == stated
    assert f"\nversion: {stated}\n" in (REPOSITORY / "CITATION.cff").read_text()
    newest = re.search(r"^## (\S+)", (REPOSITORY / "CHANGES.md").read_text(), re.M)
    assert newest is not None
    assert newest[1] == stated


@pytest.mark.parametrize("name", PROJECT["scripts"])
def test_a_console_script_can_be_imported(name: str) -> None:
    module, _, function = PROJECT["scripts"][name].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


_IMPORT = re.compile(r"from (fcnm_bids[\w.]*) import (\([^)]*\)|[^\n]*)")


def written_imports(text: str) -> set[tuple[str, str]]:
    """Return modules and names of the package that a text imports, programs in strings too."""
    found = set()
    for module, names in _IMPORT.findall(text):
        words = re.sub(r"#.*", "", names).strip("() \n").split(",")
        named = {word.split(" as ")[0].strip() for word in words}
        found |= {(module, name) for name in named if re.fullmatch(r"\w+", name)}
    return found


def test_every_import_of_the_package_that_is_written_down_can_be_made(
    committed: list[Path],
) -> None:
    looked_at, missing = 0, []
    for file in committed:
        if file.suffix not in {".py", ".md", ".def", ".sh"} or file.is_relative_to(PACKAGE):
            continue
        for module, name in written_imports(file.read_text(encoding="utf-8")):
            looked_at += 1
            holder = importlib.import_module(module)
            is_module = name in {
                found.name for found in iter_modules(getattr(holder, "__path__", []))
            }
            if not is_module and not hasattr(holder, name):
                missing.append(f"{file.relative_to(REPOSITORY)}: {module}.{name}")
    assert looked_at > 300
    assert not missing


TESTED_ELSEWHERE = {
    "__init__.py": "public names that are imported when they are used: test_public_names.py",
    "_version.py": "the version: test_the_version_is_the_same_everywhere",
}
"""Modules with logic that have no test file of their own, and the reasons."""


def has_logic(source: str) -> bool:
    """Return True if a module defines functions or classes."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return any(isinstance(statement, kinds) for statement in ast.parse(source).body)


def test_every_module_with_logic_has_a_like_named_test() -> None:
    modules = [path.relative_to(PACKAGE) for path in sorted(PACKAGE.rglob("*.py"))]
    lacking = [
        module.as_posix()
        for module in modules
        if has_logic((PACKAGE / module).read_text(encoding="utf-8"))
        and not (REPOSITORY / "tests" / module.parent / f"test_{module.name}").is_file()
    ]
    assert len(modules) > 200
    assert lacking == sorted(TESTED_ELSEWHERE)


def test_tests_that_share_a_fixture_run_in_one_worker(
    request: pytest.FixtureRequest, committed: list[Path]
) -> None:
    # pytest 9.2 renamed what pytest-xdist 3.8 writes the group to: each worker made everything
    if not request.config.getoption("loadgroup", default=False):
        pytest.skip("not distributed by --dist loadgroup: that tests are grouped is not seen")
    assert request.node.nodeid.endswith("@tests/test_house.py")
