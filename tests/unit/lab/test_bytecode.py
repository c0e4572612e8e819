"""lab_bytecode: what Python compiles out of zip files on one node serves all, and never other sources."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from lab.home import FILES

PROGRAM = """
import sys; sys.path[:0] = sys.argv[2:]
import lab_bytecode; lab_bytecode.DIRECTORY = sys.argv[1]
real = lab_bytecode._compile
lab_bytecode._compile = lambda path, source: print("compiled", end=" ") or real(path, source)
import what; print(what.SAID)
"""


def run(directory: Path, archive: Path, said: str) -> str:
    """Import a module from a zip file, as it would be on a node; what was printed."""
    with zipfile.ZipFile(archive, "w") as new:
        new.writestr("what.py", f"SAID = {said!r}\n")
    argv = [sys.executable, "-c", PROGRAM, str(directory), str(archive), str(FILES)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment)
    return done.stdout.strip()


def test_a_source_is_compiled_once_and_another_one_again(tmp_path: Path) -> None:
    archive, kept = tmp_path / "modules.zip", tmp_path / "kept"
    kept.mkdir()
    assert [run(kept, archive, said) for said in ("one", "one", "two", "one")] == [
        "compiled one",
        "one",
        "compiled two",
        "one",
    ]


def test_what_was_cut_off_is_compiled_anew_and_no_directory_is_no_error(tmp_path: Path) -> None:
    archive, kept = tmp_path / "modules.zip", tmp_path / "kept"
    # Twice: zipimport wants the code for a module's file name, and again to run it.
    assert run(kept, archive, "one") == "compiled compiled one"
    kept.mkdir()
    run(kept, archive, "one")
    (only,) = kept.iterdir()
    only.write_bytes(only.read_bytes()[:20])
    assert [run(kept, archive, "one"), run(kept, archive, "one")] == ["compiled one", "one"]
