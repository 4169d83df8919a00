"""Fixtures that several rooms' tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data that lie outside the repository; tests that need them skip without them."""
    folder = Path(os.environ.get("FCNM_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real test data at {folder} (set FCNM_TEST_DATA)")
    return folder.resolve()
