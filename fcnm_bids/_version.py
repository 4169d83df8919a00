"""The version, as the file ``version`` at the top of the repository states it."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_FILE = Path(__file__).resolve().parent.parent / "version"

try:
    __version__ = _FILE.read_text().strip() if _FILE.is_file() else version("fcnm-bids")
except PackageNotFoundError:
    __version__ = "unknown"
