"""The files of a data set as PyBIDS' saved index has them."""

from __future__ import annotations

from pathlib import Path

from fcnm_bids.errors import RequestError


def indexed_files(root: Path, database: Path) -> list[Path]:
    """Files of a data set from a PyBIDS database, which is made where there is none.

    Where a file system is slow to list folders, the names are then read in one go. Files that
    came after the database was made are not in it.

    Parameters
    ----------
    root
        Of the derivatives.
    database
        Folder of the database.

    Raises
    ------
    RequestError
        The database cannot be read or made, or is that of another data set.
    """
    from bids.layout import BIDSLayout, BIDSLayoutIndexer

    try:
        layout = BIDSLayout(
            root,
            validate=False,
            config=["bids", "derivatives"],
            database_path=database,
            indexer=BIDSLayoutIndexer(validate=False, index_metadata=False),
        )
        paths = sorted(Path(path) for path in layout.files)
    except Exception as error:  # of PyBIDS, SQLAlchemy and SQLite, by version
        first = str(error).strip().splitlines()[:1]
        raise RequestError(
            f"--bids-database-dir {database}: cannot be used as a PyBIDS database of {root} "
            f"({' '.join(first) or type(error).__name__}); delete it, and it will be made again"
        ) from error
    here = root.resolve()
    if other := [path for path in paths if not path.resolve().is_relative_to(here)][:1]:
        raise RequestError(
            f"--bids-database-dir {database}: belongs to another data set; name another folder "
            f"(this one lists {other[0]})"
        )
    return paths
