"""What a run leaves in its logs: the request, the software, what made its input."""

from __future__ import annotations

import platform
import time
import uuid
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fcnm_bids._version import __version__
from fcnm_bids.bids import read_json, write_json, write_text
from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError

_PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "nibabel",
    "h5py",
    "isal",
    "nilearn",
    "matplotlib",
    "nipype",
    "niworkflows",
    "pybids",
    "templateflow",
)


def open_logs(config: Config, name: str = "config.toml") -> tuple[Path, Path]:
    """A new folder of logs, and the request saved in it under a name."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    logs = Path(config.output_dir) / "logs" / f"{stamp}_{uuid.uuid4()}"
    config_file = logs / name
    write_text(config_file, config.to_toml())
    write_json(logs / "environment.json", describe_environment(Path(config.bids_dir)))
    return logs, config_file


def describe_environment(source: Path) -> dict[str, Any]:
    """Versions, time, and the programs that the input's description names.

    Parameters
    ----------
    source
        The input data set.
    """
    versions = {"fcnm_bids": __version__, "Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "Time": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "Platform": platform.platform(),
        "Versions": versions,
        "PreprocessedBy": _generators(source),
    }


def _generators(source: Path) -> list[str]:
    path = source / "dataset_description.json"
    try:
        generators = read_json(path).get("GeneratedBy") if path.is_file() else None
    except RequestError:
        return []
    if not isinstance(generators, list):
        return []
    return [
        " ".join(str(g[key]) for key in ("Name", "Version") if g.get(key))
        for g in generators
        if isinstance(g, dict)
    ]
