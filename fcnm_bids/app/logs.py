"""Write the logs of a run: the request, the software, the origin of its input."""

from __future__ import annotations

import logging
import platform
import time
import uuid
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from fcnm_bids._version import __version__
from fcnm_bids.bids.read import read_json
from fcnm_bids.bids.write import write_json, write_text
from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError

LOGGER = logging.getLogger("fcnm_bids")

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
    "pybids",
    "templateflow",
)

DATASET_NAME = "Functional connectivity network mapping"


def create_log_folder(config: Config, name: str = "config.toml") -> tuple[Path, Path]:
    """A new folder of logs, and the request saved in it under a name."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    logs = Path(config.output_dir) / "logs" / f"{stamp}_{uuid.uuid4()}"
    config_file = logs / name
    write_text(config_file, config.to_toml())
    write_json(logs / "environment.json", describe_environment(config.source_path))
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
    """Return the program that preprocessed a data set, or the one that a store was made from."""
    path = source / "dataset_description.json"
    try:
        content = read_json(path) if path.is_file() else {}
    except RequestError:
        return []
    origin = str((content.get("DatasetLinks") or {}).get("preprocessed", ""))
    generators = content.get("GeneratedBy")
    if not isinstance(generators, list):
        return []
    ours = any(isinstance(g, dict) and g.get("Name") == "fcnm_bids" for g in generators)
    before = Path(unquote(urlsplit(origin).path))
    if ours and origin.startswith("file://") and before != source:
        return _generators(before)
    return [
        " ".join(str(g[key]) for key in ("Name", "Version") if g.get(key))
        for g in generators
        if isinstance(g, dict)
    ]


def end_level(
    failures: list[str], complete: Mapping[str, bool], config: Config, logs: Path
) -> bool:
    """Log failures and missing outputs; True if there are none."""
    from fcnm_bids.resources.disk_space import room_left

    root = Path(config.output_dir)
    for failure in failures:
        LOGGER.error("%s", failure.strip())
    if full := room_left(config, failures):
        LOGGER.error("%s", full)
    holes = [name for name, whole in complete.items() if not whole]
    if failures or holes:
        LOGGER.error(
            "not everything was made%s; tracebacks are in %s; the same command again makes the "
            "rest",
            f" ({', '.join(holes[:10])})" if holes else "",
            logs,
        )
        return False
    LOGGER.info("done: %s", root)
    return True
