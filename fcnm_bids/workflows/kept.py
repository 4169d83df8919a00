"""What of a group need not be made again."""

from __future__ import annotations

import shutil
from pathlib import Path

from fcnm_bids.bids import digest
from fcnm_bids.config import Config
from fcnm_bids.interfaces import is_kept
from fcnm_bids.workflows.plan import GroupPlan


def kept_folder(config: Config, key: str) -> Path:
    """Where the results with a key are kept; an output folder has a place of its own."""
    own = digest({"output": str(Path(config.output_dir).resolve())})
    return Path(config.running.work_dir).resolve() / "kept" / own[:8] / key[:16]


def contrasts_to_map(plan: GroupPlan, config: Config) -> list[int]:
    """Positions of the contrasts whose results are not there."""
    keys = plan.contrast_keys.values()
    return [i for i, key in enumerate(keys) if not is_kept(kept_folder(config, key))]


def forget_others(plan: GroupPlan, config: Config) -> None:
    """Remove what is kept and not in the plan."""
    keys = (*plan.contrast_keys.values(), plan.specificity.strength_key)
    folders = {kept_folder(config, key) for key in keys}
    for place in {folder.parent for folder in folders}:
        for folder in place.iterdir() if place.is_dir() else ():
            if folder not in folders:
                shutil.rmtree(folder, ignore_errors=True)
