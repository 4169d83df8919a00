"""Reduce the packages of an image to what the program reads when it runs.

``python slim.py`` works on the packages of the Python that runs it. It removes test suites and the
sources of compiled modules, imports every module of the program and every module that one of its
functions imports, and writes byte code for all that was loaded: a read-only image can keep none
later. A package that needs what was removed ends the build here.
"""

from __future__ import annotations

import ast
import importlib
import py_compile
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

TEST_FOLDERS = frozenset({"tests", "test"})
SOURCES = frozenset({".a", ".c", ".cpp", ".f", ".f90", ".h", ".pxd", ".pyi", ".pyx"})


def slim(packages: Path) -> int:
    """Remove test folders, byte code and sources of compiled modules; return the bytes removed."""
    removed = 0
    for path in sorted(packages.rglob("*")):
        if path.is_dir() and path.name in TEST_FOLDERS | {"__pycache__"}:
            removed += sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            shutil.rmtree(path)
        elif path.is_file() and path.suffix in SOURCES and not _is_read(path):
            removed += path.stat().st_size
            path.unlink()
    return removed


def _is_read(source: Path) -> bool:
    """Return True for a stub that `lazy_loader` reads to import its package."""
    module = source.with_suffix(".py")
    return source.suffix == ".pyi" and module.is_file() and "attach_stub" in module.read_text()


def imported_names(package: Path) -> Iterator[str]:
    """Yield the modules of a package, and the modules that they import anywhere."""
    for path in sorted(package.rglob("*.py")):
        if path.stem != "__main__":
            parts = path.relative_to(package.parent).with_suffix("").parts
            yield ".".join(parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module


def compile_loaded(packages: Path) -> int:
    """Write byte code that holds whatever the time of its source; return the number of modules."""
    loaded = {
        Path(module.__file__)
        for module in list(sys.modules.values())
        if getattr(module, "__file__", None) and str(module.__file__).endswith(".py")
    }
    own = sorted(path for path in loaded if path.is_relative_to(packages))
    for path in own:
        py_compile.compile(
            str(path), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH
        )
    return len(own)


def main() -> int:
    """Remove, import, compile."""
    sys.dont_write_bytecode = True
    packages = Path(sysconfig.get_path("purelib"))
    removed = slim(packages)
    for name in sorted(set(imported_names(packages / "fcnm_bids"))):
        importlib.import_module(name)
    print(f"removed {removed / 1e6:.0f} MB; compiled {compile_loaded(packages)} modules")
    return 0


if __name__ == "__main__":
    sys.exit(main())
