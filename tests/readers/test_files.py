"""Small files within limits."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from fcnm_bids.errors import FileError
from fcnm_bids.readers.files import (
    file_sha256,
    parse_json,
    read_bytes,
    read_json_object,
    read_text,
    read_yaml,
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_utf_8_and_utf_16_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("participant_id\tsité\n", encoding=encoding)
    assert read_text(path) == "participant_id\tsité\n"


def test_other_encodings_are_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes(b"one\nsit\xe9\n")
    with pytest.raises(FileError, match=r"a\.tsv, line 2: the text is not UTF-8"):
        read_text(path)


def test_devices_pipes_and_folders_are_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.tsv"
    os.mkfifo(pipe)
    start = time.monotonic()
    for path, reason in (
        (Path("/dev/zero"), "not a regular file"),
        (pipe, "not a regular file"),
        (tmp_path, "is a folder"),
        (tmp_path / "none", "there is no such file"),
        (Path("a\0b"), "not the name of a file"),
    ):
        with pytest.raises(FileError, match=reason):
            read_bytes(path)
    assert time.monotonic() - start < 5


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    with path.open("wb") as file:
        file.truncate(10 << 30)  # a hole of 10 GiB
    with pytest.raises(FileError, match=r"has 1.02e\+04 MiB, more than the 64 MiB that are read"):
        read_bytes(path)


@pytest.mark.parametrize("brackets", ["[" * 50_000, '{"a":' * 50_000, "[" * 50_000 + "]" * 50_000])
def test_brackets_within_brackets_are_refused(brackets: str) -> None:
    with pytest.raises(FileError, match="nested too deeply"):
        parse_json(brackets, "a.json")


def test_brackets_in_strings_do_not_count() -> None:
    assert parse_json('["' + "[" * 500 + '\\"["]', "a.json") == ["[" * 500 + '"[']


@pytest.mark.parametrize("text", ["", "{", "[1]", "nothing", '{"a": 1e}'])
def test_what_is_no_json_object_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(FileError, match=r"a\.json"):
        read_json_object(path)


ALIASES = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}, *{before}, *{before}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ALIASES, r"line 2: the alias \*a is not supported"),
        ("[" * 50_000, "nested too deeply"),
        ("a: " + "{b: " * 5_000, "nested too deeply"),
        ("a: !!python/object/apply:os.system [ls]", "cannot be read"),
        ("a: [1", "cannot be read"),
    ],
)
def test_yaml_without_aliases_depth_and_tags(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "plugin.yml"
    path.write_text(text)
    start = time.monotonic()
    with pytest.raises(FileError, match=reason):
        read_yaml(path)
    assert time.monotonic() - start < 5


def test_the_hash_of_a_file_is_that_of_fips_180(tmp_path: Path) -> None:
    # NIST, "SHA256 of abc": https://csrc.nist.gov/projects/cryptographic-standards-and-guidelines
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert file_sha256(path).startswith("ba7816bf8f01cfea414140de5dae2223b00361a396177a9c")
