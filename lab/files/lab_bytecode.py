"""Keeps what Python compiles out of zip files, for all nodes: Ansible's modules come as zips of sources.

Compiling them, twice each (zipimport does it for a module's file name, too), is a good part of what a module
costs on an emulated node. Nodes import this at every start of Python (lab_bytecode.pth, site(3)). What is
kept is named after its source, and so is never an old one; the standard library does that for files only
(zipimport looks for bytecode in the zip, and keeps none).
"""

from __future__ import annotations

# Only what every start of Python has loaded anyway, so no pathlib.
import _frozen_importlib_external
import _imp
import marshal
import os
import zipimport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

DIRECTORY = "/var/cache/lvs-lab-python"
_KEY = int.from_bytes(_frozen_importlib_external.MAGIC_NUMBER, "little")

_compile = zipimport._compile_source  # type: ignore[attr-defined]
_CODE = type(_compile.__code__)


def compiled(path: str, source: bytes) -> CodeType:
    """Return the code of a module's source: the kept one, or compiled and kept."""
    # Builtin, unlike hashlib's, which cost more to import than they save (importlib.util.source_hash).
    name = f"{DIRECTORY}/{_imp.source_hash(_KEY, source).hex()}-{len(source)}"
    try:
        with open(name, "rb") as kept:  # noqa: PTH123
            found = marshal.load(kept)  # noqa: S302  (written below)
        if isinstance(found, _CODE):
            return found  # type: ignore[no-any-return]
    except (OSError, ValueError, EOFError, TypeError):
        pass
    code: CodeType = _compile(path, source)
    try:
        with open(f"{name}.{os.uname().nodename}.{os.getpid()}", "wb") as new:  # noqa: PTH123
            marshal.dump(code, new)
        os.replace(new.name, name)  # noqa: PTH105
    except OSError:
        pass  # not root, or no directory: the module runs all the same
    return code


zipimport._compile_source = compiled  # type: ignore[attr-defined]
