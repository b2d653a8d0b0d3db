"""Fake programs for running a script: they record how they were called."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

#: The start of every fake: appends a line per call to the file $CALLS; a newline in a word becomes a blank. A single
#: write, because fakes run in parallel.
_NOTES = r"""#!/bin/bash
called=${0##*/}
for word in "$@"; do called+=$'\t'${word//$'\n'/ }; done
echo "$called" >> "$CALLS"
"""


class Fakes:
    """A folder of fake programs, first on the path, and the record of their calls.

    Args:
        folder: an empty folder for the programs, the record and a home folder.
        programs: name -> bash code.
    """

    def __init__(self, folder: Path, programs: Mapping[str, str]) -> None:
        self._notes = folder / "calls"
        self.home = folder / "home"
        self.home.mkdir()
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.add(programs)

    def add(self, programs: Mapping[str, str]) -> None:
        """Adds or replaces programs."""
        for name, body in programs.items():
            path = self.bin / name
            path.write_text(_NOTES + body)
            path.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """Environment for `subprocess`: nothing from the user except the path after the fakes."""
        return {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.home), "CALLS": str(self._notes)}

    @property
    def calls(self) -> list[list[str]]:
        """The calls in order, each as a list of words."""
        return [line.strip().split("\t") for line in self._notes.read_text().splitlines() if line.strip()]
