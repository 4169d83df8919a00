"""The version, as the file ``version`` at the top of the repository states it."""

from pathlib import Path

_FILE = Path(__file__).resolve().parent.parent / "version"


def _installed() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("fcnm-bids")
    except PackageNotFoundError:
        return "unknown"


__version__ = _FILE.read_text().strip() if _FILE.is_file() else _installed()
