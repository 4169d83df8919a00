"""Output folders as a laboratory has them."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pandas as pd

from fcnm_bids.cli.parser import parse

PARTICIPANT, SCORE = "patientzero", "37.125"


def with_record(root: Path, *words: str) -> None:
    """Add a log and participants, whose names and scores stay here."""
    command = ["/data/someone/bids", str(root), "group", *words]
    logs = root / "logs" / "20260102-030405_a"
    logs.mkdir(parents=True)
    config = parse([*command, "--validation-dir", str(root.parent / "secret" / "second")]).config
    (logs / "config.toml").write_text(config.to_toml(), encoding="utf-8")
    (logs / "environment.json").write_text(json.dumps({"Host": socket.gethostname()}))
    columns = {"participant_id": f"sub-{PARTICIPANT}", "n_runs": 1, "minutes_kept": 9.5}
    columns |= {"dof": 80, "mean_fd": 0.1, "score": SCORE}
    participants = pd.DataFrame([columns])
    participants.to_csv(root / "participants.tsv", sep="\t", index=False)
