"""The compiled library: which variant a processor gets, and what is reported without one."""

from __future__ import annotations

import ctypes
import platform
import re
from pathlib import Path

import pytest

from fcnm_bids.errors import RequestError
from fcnm_bids.kernels import library

HASWELL = {"AVX", "AVX2", "BMI2", "F16C", "FMA3", "SSE2"}
SKYLAKE_X = HASWELL | {"AVX512F", "AVX512CD", "AVX512BW", "AVX512DQ", "AVX512VL"}
KNIGHTS_LANDING = HASWELL | {"AVX512F", "AVX512CD", "AVX512ER", "AVX512PF"}


@pytest.mark.parametrize(
    ("machine", "features", "variants"),
    [
        ("x86_64", SKYLAKE_X, ["x86_64_v4", "x86_64_v3", "x86_64"]),
        ("x86_64", KNIGHTS_LANDING, ["x86_64_v3", "x86_64"]),
        ("x86_64", HASWELL, ["x86_64_v3", "x86_64"]),
        ("x86_64", HASWELL - {"FMA3"}, ["x86_64"]),
        ("x86_64", SKYLAKE_X - {"AVX2"}, ["x86_64"]),
        ("x86_64", set(), ["x86_64"]),
        ("aarch64", {"NEON", "ASIMD", "SVE"}, ["aarch64"]),
    ],
)
def test_a_processor_gets_the_variants_that_it_can_run(
    machine: str, features: set[str], variants: list[str]
) -> None:
    assert library.usable_variants(machine, features) == variants


def test_the_features_are_those_that_the_kernel_of_the_system_lists() -> None:
    if platform.machine() != "x86_64":
        pytest.skip("the variants differ on x86-64 only")
    flags = set(re.findall(r"\w+", Path("/proc/cpuinfo").read_text()))
    numpy = library.processor_features()
    assert ("AVX2" in numpy) is ("avx2" in flags)
    assert ("FMA3" in numpy) is ("fma" in flags)
    assert ("AVX512VL" in numpy) is ("avx512vl" in flags)


def test_the_fastest_usable_variant_is_loaded_once() -> None:
    loaded = library.load()
    fastest = library.usable_variants(platform.machine(), library.processor_features())[0]
    assert Path(loaded._name) == library.library_file(fastest)
    assert library.load() is loaded


@pytest.mark.parametrize(
    "variant", library.usable_variants(platform.machine(), library.processor_features())
)
def test_every_usable_variant_is_of_these_sources(variant: str) -> None:
    assert library.load_variant(variant).fcnm_kernels_version() == library.VERSION


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where the libraries are searched for."""
    monkeypatch.setattr(library, "_FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize("content", [None, b"", b"not a library" * 1000])
def test_a_library_that_cannot_be_loaded_is_reported_with_its_remedy(
    elsewhere: Path, content: bytes | None
) -> None:
    file = library.library_file("x86_64")
    assert file.parent == elsewhere
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RequestError) as caught:
        library.load_variant("x86_64")
    assert str(caught.value).startswith(f"the compiled library cannot be loaded ({file}")
    assert str(caught.value).endswith("; run pip install . in the folder of the program")


def test_a_library_of_other_sources_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    (variant, *_) = library.usable_variants(platform.machine(), library.processor_features())
    monkeypatch.setattr(library, "VERSION", library.VERSION + 1)
    with pytest.raises(RequestError, match=r"was compiled from other sources; run pip install \."):
        library.load_variant(variant)


def test_the_library_needs_nothing_but_the_c_library() -> None:
    # without its own RPATH or further libraries, it loads wherever the wheel does
    content = Path(ctypes.CDLL(library.load()._name)._name).read_bytes()
    assert set(re.findall(rb"lib\w+\.so(?:\.\d+)*", content)) <= {b"libc.so.6", b"libm.so.6"}
