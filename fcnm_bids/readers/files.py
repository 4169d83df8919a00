"""Files read whole and within limits: their kind, size, text encoding, nesting and aliases."""

from __future__ import annotations

import hashlib
import json
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from fcnm_bids.errors import FileError

MOST_BYTES = 64 << 20
"""Size of a table, a settings file or a workbook that is read."""

DEEPEST = 100
"""Brackets within brackets of a JSON or YAML file."""

_TOO_DEEP = f"nested too deeply (more than {DEEPEST} levels of brackets); remove levels"
_MOST_YAML_BYTES = 1 << 18
_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
_MORE_BYTES = 1 << 16


def read_bytes(path: Path, *, most: int = MOST_BYTES) -> bytes:
    """Read a regular file.

    Parameters
    ----------
    path
        The file; pipes, sockets and devices are refused, they may never end.
    most
        Size in bytes up to which it is read.

    Raises
    ------
    FileError
        The file is not there, not a regular file, unreadable, or too large.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise FileError(f"{path}: is a folder; name a file")
        if not stat.S_ISREG(status.st_mode):
            raise FileError(f"{path}: not a regular file; copy its content to one")
        if status.st_size > most:
            raise FileError(
                f"{path}: has {_mebibytes(status.st_size)}, more than the {_mebibytes(most)} "
                "that are read; remove what is not needed"
            )
        with path.open("rb") as file:
            content = file.read(status.st_size)
            # it may grow; a read of `most` bytes would allocate them, however small the file
            while len(content) <= most and (part := file.read(_MORE_BYTES)):
                content += part
    except FileNotFoundError as error:
        raise FileError(f"{path}: there is no such file") from error
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise FileError(f"{str(path)!r} is not the name of a file; correct it") from error
    if len(content) > most:
        raise FileError(
            f"{path}: grew to more than {_mebibytes(most)} while it was read; wait "
            "until it is complete"
        )
    return content


def read_text(path: Path, *, most: int = MOST_BYTES) -> str:
    """Read a text file: UTF-8, or UTF-16 with its byte order mark; the mark is dropped.

    Raises
    ------
    FileError
        As `read_bytes`, and where the text is in another encoding; with its line.
    """
    return read_utf8(path, most=most).decode()


def read_utf8(path: Path, *, most: int = MOST_BYTES) -> bytes:
    """Read a text file as `read_text` does, without making a string of it.

    Raises
    ------
    FileError
        As `read_text`.
    """
    content = read_bytes(path, most=most)
    if content.isascii():
        return content
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding).encode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        name = "UTF-16" if encoding == "utf-16" else "UTF-8"
        raise FileError(
            f"{path.name}, line {line}: the text is not {name}: save the file as UTF-8"
        ) from error


def parse_json(text: str, name: str) -> Any:
    """Parse JSON of bounded depth.

    Parameters
    ----------
    text
        The content.
    name
        Where it comes from, for messages.

    Raises
    ------
    FileError
        The text is not JSON, or nested deeper than `DEEPEST`.
    """
    if _depth(text) > DEEPEST:
        raise FileError(f"{name}: {_TOO_DEEP}")
    try:
        return json.loads(text)
    except ValueError as error:
        raise FileError(f"{name}: not valid JSON: {error}; correct it") from error


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """Parse TOML of bounded depth.

    Parameters
    ----------
    text
        The content.
    name
        Where it comes from, for messages.

    Raises
    ------
    FileError
        The text is not TOML, or nested deeper than Python's parser goes.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileError(f"{name}: not valid TOML: {error}; correct it") from error
    except RecursionError as error:
        raise FileError(f"{name}: {_TOO_DEEP}") from error


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises
    ------
    FileError
        The file cannot be read, or holds something else.
    """
    content = parse_json(read_text(path), str(path))
    if not isinstance(content, dict):
        raise FileError(f"{path}: not a JSON object; put its content in braces")
    return content


def read_yaml(path: Path) -> Any:
    """Read a YAML file without tags and aliases, of bounded depth.

    Raises
    ------
    FileError
        The file cannot be read, is not YAML, is nested too deeply, or has an alias (``*name``):
        aliases of aliases make gigabytes of a few hundred bytes.
    """
    import yaml

    text = read_text(path, most=_MOST_YAML_BYTES)
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise FileError(
                    f"{path}, line {event.start_mark.line + 1}: the alias *{event.anchor} is not "
                    "supported; write its content in its place"
                )
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise FileError(f"{path}: {_TOO_DEEP}")
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise FileError(f"{path}: cannot be read ({' '.join(str(error).split())})") from error


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a whole file, hexadecimal.

    Raises
    ------
    OSError
        It cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _depth(text: str) -> int:
    """Return the most brackets that are open at once, those within strings aside."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return 0
    depth = deepest = 0
    for found in _BRACKETS.finditer(text):
        if found[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif found[0] in "]}":
            depth -= 1
    return deepest


def _mebibytes(count: int) -> str:
    return f"{count / (1 << 20):.3g} MiB"
