"""The file that says what runs the nodes: processes of this machine, or jobs of a cluster."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fcnm_bids.errors import FileError, RequestError
from fcnm_bids.readers.files import read_text, read_yaml

_ARGUMENTS: Mapping[str, Mapping[str, type]] = {
    "MultiProc": {"n_procs": int, "memory_gb": float},
    "SLURM": {
        "sbatch_args": str,
        "template": str,
        "max_jobs": int,
        "poll_interval": float,
        "max_tries": int,
        "retry_timeout": float,
    },
}
_COMMANDS = ("sbatch", "squeue", "scancel")


@dataclass(frozen=True)
class Plugin:
    """Read a nipype plugin file.

    Parameters
    ----------
    name
        As nipype calls it.
    arguments
        What it is told: for MultiProc ``n_procs`` and ``memory_gb``, for SLURM see `SlurmPlugin`.
    """

    name: Literal["MultiProc", "SLURM"] = "MultiProc"
    arguments: Mapping[str, Any] = field(default_factory=dict)


def read_plugin(file: str | None) -> Plugin:
    """Read a plugin file; without one, the processes of this machine.

    Parameters
    ----------
    file
        YAML or JSON, with ``plugin`` and perhaps ``plugin_args``.

    Raises
    ------
    RequestError
        It cannot be read, says what is not known, or asks for a Slurm that is not here; one line
        per problem.
    """
    if file is None:
        return Plugin()
    path = Path(file)
    try:
        content = read_yaml(path)
    except FileError as error:
        raise _wrong(path, [f"cannot be read ({error})"]) from error
    if not isinstance(content, dict) or "plugin" not in content:
        raise _wrong(path, ["add the line plugin: MultiProc or plugin: SLURM"])
    problems = [
        f"{name}: not known; only plugin and plugin_args are read"
        for name in content
        if name not in ("plugin", "plugin_args")
    ]
    name, given = content["plugin"], content.get("plugin_args") or {}
    if not isinstance(name, str) or name not in _ARGUMENTS:
        problems.append(
            f"plugin: {name}: use MultiProc or SLURM; on other clusters, run one job per "
            "--participant-label, then the group level"
        )
    elif not isinstance(given, dict):
        problems.append("plugin_args: lines of the form name: value were expected")
    else:
        problems += [p for key, value in given.items() if (p := _argument(name, key, value))]
        if name == "SLURM":
            given, more = _with_template(given, path.parent)
            problems += more
    if problems:
        raise _wrong(path, problems)
    return Plugin(name, given)


def _argument(plugin: str, key: Any, value: Any) -> str | None:
    """Return the problem with one argument of a plugin."""
    known = _ARGUMENTS[plugin]
    if key not in known:
        return f"plugin_args: {key}: not known for {plugin}, which takes {', '.join(known)}"
    kind = known[key]
    if kind is str:
        return _text(key, value)
    if isinstance(value, bool) or not isinstance(value, int if kind is int else (int, float)):
        wanted = "a whole number" if kind is int else "a number"
        return f"plugin_args: {key}: {value!r}: {wanted} was expected"
    return None if value > 0 else f"plugin_args: {key}: {value}: not above 0"


def _text(key: str, value: Any) -> str | None:
    """Return the problem with an argument that is a text."""
    if not isinstance(value, str):
        return f"plugin_args: {key}: a text was expected"
    if key == "sbatch_args":
        try:
            shlex.split(value)
        except ValueError as error:
            return f"plugin_args: {key}: {error}"
    return None


def _with_template(
    given: Mapping[str, Any], folder: Path
) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Arguments of SLURM with the text of their template, and what is wrong here."""
    missing = [command for command in _COMMANDS if shutil.which(command) is None]
    if missing:
        return given, (
            f"plugin: SLURM: no {', '.join(missing)} here; if the program runs from an image, "
            "let Slurm run the image (singularity/slurm_array.sh)",
        )
    template = given.get("template")
    if not isinstance(template, str) or template.startswith("#!"):
        return given, ()
    file = folder / template
    if not file.is_file():
        return given, (
            f"plugin_args: template: neither a file nor a text that begins with #!: {template}",
        )
    return {**given, "template": read_text(file)}, ()


def _wrong(path: Path, problems: list[str]) -> RequestError:
    return RequestError([f"--nipype-plugin-file {path.name}: {problem}" for problem in problems])
