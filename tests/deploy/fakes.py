"""Programs that stand in for the real ones, so that a script can be run: they note how they were called."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

#: Begins every fake: a line for each call, in the file that CALLS names; a line's end in a word becomes a blank. One
#: write, since fakes run side by side.
_NOTES = r"""#!/bin/bash
called=${0##*/}
for word in "$@"; do called+=$'\t'${word//$'\n'/ }; done
echo "$called" >> "$CALLS"
"""


class Fakes:
    """A folder of fakes, first on the path of what is run, and their notes.

    Args:
        folder: empty; for the fakes, their notes, and a home.
        programs: name -> what it does, in bash.
    """

    def __init__(self, folder: Path, programs: Mapping[str, str]) -> None:
        self._notes = folder / "calls"
        self.home = folder / "home"
        self.home.mkdir()
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.add(programs)

    def add(self, programs: Mapping[str, str]) -> None:
        """More of them, or others in the place of some."""
        for name, body in programs.items():
            path = self.bin / name
            path.write_text(_NOTES + body)
            path.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """For `subprocess`: nothing of the user's but the path behind the fakes."""
        return {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.home), "CALLS": str(self._notes)}

    @property
    def calls(self) -> list[list[str]]:
        """What was called, in order, as words."""
        return [line.strip().split("\t") for line in self._notes.read_text().splitlines() if line.strip()]
