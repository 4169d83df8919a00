"""Compiling: when, for which processors, and what is reported where it cannot be done."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import pytest

import build_kernels
from build_kernels import FOLDER, VARIANTS, build
from fcnm_bids.kernels import library

LONG_AGO = 1_000_000_000
ELF_MACHINES = {"x86_64": 62, "aarch64": 183}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the C code and without libraries."""
    for source in FOLDER.glob("*.c"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
        os.utime(tmp_path / source.name, (LONG_AGO, LONG_AGO))
    return tmp_path


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the libraries that a compiler without content was called for."""
    names: list[str] = []

    def run(command: list[str], **options: Any) -> None:
        assert options["check"]
        made = Path(command[-1])
        made.touch()
        names.append(made.name)

    monkeypatch.setattr(subprocess, "run", run)
    return names


@pytest.mark.parametrize("machine", VARIANTS)
def test_every_variant_that_is_loaded_is_compiled(
    folder: Path, compiled: list[str], machine: str
) -> None:
    everything = {"AVX2", "F16C", "FMA3", *(f"AVX512{part}" for part in ("F", "CD", "BW"))}
    everything |= {"AVX512DQ", "AVX512VL"}
    loaded = {library.library_file(v).name for v in library.usable_variants(machine, everything)}
    assert {file.name for file in build(folder, machine)} == set(compiled) == loaded
    assert {file.name for file in folder.iterdir() if file.suffix != ".c"} == loaded
    # check-wheel-contents takes them for modules
    assert all(name.removesuffix(".so").isidentifier() for name in loaded)


def test_only_what_is_older_than_its_sources_is_compiled_again(
    folder: Path, compiled: list[str]
) -> None:
    libraries = build(folder, "x86_64")
    assert len(compiled) == len(libraries) == 3
    compiled.clear()
    assert build(folder, "x86_64") == libraries
    assert not compiled
    libraries[1].unlink()
    build(folder, "x86_64")
    assert compiled == [libraries[1].name]
    compiled.clear()
    later = libraries[1].stat().st_mtime + 1
    os.utime(next(folder.glob("*.c")), (later, later))
    build(folder, "x86_64")
    assert compiled == [library.name for library in libraries]


def test_the_machine_cannot_be_one_that_there_is_no_variant_for(folder: Path) -> None:
    with pytest.raises(
        SystemExit, match=r"needs Linux \(x86_64 or aarch64\); this is Linux \(s390x"
    ):
        build(folder, "s390x")


def test_a_missing_compiler_is_reported_with_its_remedy(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="there is no compiler; run: python -m pip install zig"):
        build(folder)
    assert not list(folder.glob("*.so"))


@pytest.mark.slow
@pytest.mark.parametrize("machine", VARIANTS)
def test_the_code_compiles_without_a_warning_and_to_the_same_bytes(
    folder: Path, machine: str, capfd: pytest.CaptureFixture[str]
) -> None:
    libraries = build(folder, machine)
    assert capfd.readouterr() == ("", "")
    first = [file.read_bytes() for file in libraries]
    for content in first:
        assert content[:4] == b"\x7fELF"
        assert int.from_bytes(content[18:20], "little") == ELF_MACHINES[machine]
        assert b"fcnm_kernels_version" in content
    for file in libraries:
        file.unlink()
    assert [file.read_bytes() for file in build(folder, machine)] == first


@pytest.mark.slow
def test_changed_code_is_in_the_next_library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = platform.machine()
    baseline = next(iter(VARIANTS[machine].items()))
    monkeypatch.setattr(build_kernels, "VARIANTS", {machine: dict([baseline])})
    code = folder / "added.c"
    for number in (7, 8):
        code.write_text(f"int fcnm_added(void) {{ return {number}; }}\n")
        (file,) = build(folder)
        kept = file.rename(folder / f"{number}.so")
        assert ctypes.CDLL(str(kept)).fcnm_added() == number
        kept.replace(file)
