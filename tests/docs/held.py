"""What was typed, held to what the programs take."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from fcnm_bids.cli.parser import parse
from fcnm_bids.config import Config
from tests.docs.desk import Typed
from tests.docs.pages import REPOSITORY


class WrongCommandError(AssertionError):
    """A command on a page is not one that the program takes."""


def check(typed: Typed) -> list[Config]:
    """Hold one call to what its program takes; the requests for fcnm-bids in it."""
    match typed.program:
        case "fcnm-bids":
            return _fcnm(typed.arguments, typed.folder)
        case "python":
            _python(typed.arguments, typed.folder)
        case "make":
            _make(typed.arguments)
        case "pip":
            _hold(typed.arguments == ("install", "."), typed)
        case "podman" | "docker":
            return _engine(typed)
        case "apptainer":
            return _apptainer(typed)
        case "sbatch":
            return _sbatch(typed)
        case _:
            raise WrongCommandError(f"no such program: {typed}")
    return []


def _hold(condition: bool, what: object) -> None:
    if not condition:
        raise WrongCommandError(str(what))


def _fcnm(arguments: Sequence[str], folder: Path) -> list[Config]:
    if arguments in (("--version",), ("--help",), []):
        return []
    try:
        config = parse([str(folder / a) if _is_input(a, folder) else a for a in arguments]).config
    except SystemExit as error:
        raise WrongCommandError(f"fcnm-bids {' '.join(arguments)}") from error
    for path in (config.seeds.coordinates, config.resources.nipype_plugin_file):
        _hold(path is None or Path(path).is_file(), f"{path} was never made")
    return [config]


def _is_input(argument: str, folder: Path) -> bool:
    return not argument.startswith("-") and (folder / argument).is_file()


def _python(arguments: Sequence[str], folder: Path) -> None:
    dash_m, module, *rest = arguments
    spec = find_spec(module)
    _hold(dash_m == "-m" and spec is not None, arguments)
    is_package = spec is not None and spec.submodule_search_locations is not None
    name = f"{module}.__main__" if is_package else module
    loaded = importlib.import_module(name)
    if not hasattr(loaded, "build_parser") or name == "fcnm_bids.cli.boutiques":
        source = Path(str(loaded.__file__)).read_text(encoding="utf-8")
        unknown = [word for word in rest if word.startswith("-") and f'"{word}"' not in source]
        _hold(not unknown, f"{module}: {unknown}")
        return
    parser: argparse.ArgumentParser = loaded.build_parser()
    try:
        given = parser.parse_args(rest)
    except SystemExit as error:
        raise WrongCommandError(f"python {' '.join(arguments)}") from error
    if module == "fcnm_bids.simulate":  # commands below it use what it would have made
        (folder / given.out).mkdir(parents=True, exist_ok=True)
        (folder / given.out / "coordinates.tsv").touch()


def _make(arguments: Sequence[str]) -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    variables = set(re.findall(r"^(\w+) *\?=", makefile, re.MULTILINE))
    for word in arguments:
        name, assigned, _ = word.partition("=")
        _hold(name in (variables if assigned else targets), f"make {word}")


_ENGINE_OPTIONS = {
    **dict.fromkeys(("--rm", "--read-only"), 0),
    **dict.fromkeys(("-v", "--user", "--network", "--entrypoint"), 1),
}
_APPTAINER_OPTIONS = {"--containall": 0, "--pwd": 1, "-B": 1, "--build-arg": 1}


def _split(
    words: Sequence[str], known: Mapping[str, int], typed: Typed
) -> tuple[list[tuple[str, str]], list[str]]:
    """Options with their values, and what comes behind them."""
    options, rest = [], list(words)
    while rest and rest[0].startswith("-"):
        _hold(rest[0] in known, f"{rest[0]} in {typed}")
        name = rest.pop(0)
        options.append((name, rest.pop(0) if known[name] else ""))
    return options, rest


def _engine(typed: Typed) -> list[Config]:
    command, *words = typed.arguments
    if command == "build":
        options, rest = _split(words, {"-t": 1, "--build-arg": 1}, typed)
        dockerfile = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
        for name, value in options:
            declared = name != "--build-arg" or f"ARG {value.partition('=')[0]}" in dockerfile
            _hold(declared, typed)
        _hold(rest == ["."], typed)
        return []
    if command in ("load", "save"):
        _hold(words[0] in ("-i", "-o") and words[1] == "fcnm_bids.tar", typed)
        return []
    _hold(command == "run", typed)
    options, (image, *inside) = _split(words, _ENGINE_OPTIONS, typed)
    _hold(image == "fcnm_bids", typed)
    mounts = {}
    for name, value in options:
        if name == "-v":
            outside, at, *mode = value.split(":")
            _hold(mode in ([], ["ro"]), typed)
            mounts[at] = outside
    mapped = [_outside(word, mounts) for word in inside]
    return _inside(dict(options).get("--entrypoint", "fcnm-bids"), mapped, typed)


def _outside(word: str, mounts: Mapping[str, str]) -> str:
    """A path inside a container as it is outside; an absolute one has to be mounted."""
    if not word.startswith("/"):
        return word
    for at, outside in mounts.items():
        if word == at or word.startswith(f"{at}/"):
            return outside + word.removeprefix(at)
    raise WrongCommandError(f"{word} is not mounted")


def _apptainer(typed: Typed) -> list[Config]:
    command, *words = typed.arguments
    if not words:  # spoken of
        _hold(command in ("build", "run", "exec", "test"), typed)
        return []
    options, (image, *inside) = _split(words, _APPTAINER_OPTIONS, typed)
    _hold(image == "fcnm_bids.sif", typed)
    if command == "build" and inside[0].startswith("docker-archive:"):
        _hold(inside == ["docker-archive:fcnm_bids.tar"] and not options, typed)
        return []
    if command == "build":
        definition = REPOSITORY / inside[0]
        _hold(definition.is_file(), typed)
        declared = re.findall(r"^    (\w+)=", definition.read_text(), re.MULTILINE)
        asked = [value.partition("=")[0] for name, value in options if name == "--build-arg"]
        _hold(set(asked) <= set(declared), typed)
        return []
    if command in ("test", "run-help", "inspect"):
        _hold(not inside, typed)
        return []
    _hold(command in ("run", "exec"), typed)
    bound: dict[str, str] = {}
    for name, value in options:
        if name == "-B":
            outside, *at = value.split(":")
            bound[at[0] if at else outside] = outside
    if inside[0] == "cat":
        return []
    program, *inside = inside if command == "exec" else ["fcnm-bids", *inside]
    return _inside(program, [_outside(word, bound) for word in inside], typed)


def _inside(program: str, arguments: Sequence[str], typed: Typed) -> list[Config]:
    return check(Typed(typed.folder, program, tuple(arguments)))


def _sbatch(typed: Typed) -> list[Config]:
    words = list(typed.arguments)
    while words and words[0].startswith("-"):
        words.pop(0)
    script, *rest = words
    found = typed.folder / script
    _hold(found.is_file() and found.resolve().parent == REPOSITORY / "singularity", typed)
    level = "participant"
    if rest[0] == "--job":
        _, level, bids, output, *rest = rest
        if level == "participant":
            participants, *rest = rest
            _hold(Path(participants).is_file(), typed)
        rest = [bids, output, *rest]
    bids, output, *options = rest
    return _fcnm([bids, output, level, *options], typed.folder)
