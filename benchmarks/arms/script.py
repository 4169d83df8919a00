"""What all arms share: a task comes in as JSON, a JSON line with the seconds goes out."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any


def run(work: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
    """Do the work once, and say how long it took after all imports.

    `work` returns what else the arm has to say. Under the name ``r`` it may return a function
    that gives correlations, shape (seeds, x, y, z); they are written to the file that the task
    names as ``save``, after the clock has stopped.
    """
    job = json.loads(sys.argv[1])
    started = time.perf_counter()
    answer = dict(work(job))
    inner = time.perf_counter() - started
    maps = answer.pop("r", None)
    if job.get("save"):
        import numpy as np

        np.save(job["save"], maps().astype(np.float32))
    print(json.dumps({"inner": inner, **answer}))
