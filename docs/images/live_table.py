"""Runs a search in a pseudo-terminal and saves one frame of its live table as docs/images/live_table.svg.

python docs/images/live_table.py
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[2]
COLUMNS, LINES = 112, 20

#: rich erases its last frame with this before it draws the next.
NEXT_FRAME = re.compile(r"\r(?:\x1b\[2K(?:\x1b\[1A)?)+")


def record(command: list[str]) -> str:
    """Runs a command in a terminal of `COLUMNS` × `LINES`; returns everything it wrote."""
    reading, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONIOENCODING": "utf-8"}
    process = subprocess.Popen(command, cwd=ROOT, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    parts = []
    while True:
        try:
            part = os.read(reading, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not part:
            break
        parts.append(part)
    process.wait()
    return b"".join(parts).decode("utf-8", errors="replace")


def best_frame(output: str) -> str:
    """Returns the last frame with the most trials running."""
    frames = [frame for frame in NEXT_FRAME.split(output) if "elapsed" in frame and "status" in frame]
    most = max(frame.count("running") for frame in frames)
    return [frame for frame in frames if frame.count("running") == most][-1]


def main() -> None:
    """Writes the picture."""
    with tempfile.TemporaryDirectory() as storage:
        command = [sys.executable, "cli.py", "tune", "kobart", "--study", "kobart", "--storage", storage]
        output = record(command)
    Path(tempfile.gettempdir(), "live_table.txt").write_text(output, encoding="utf-8")
    text = Text.from_ansi(best_frame(output).replace("\r\n", "\n").strip("\n"))
    console = Console(record=True, file=io.StringIO(), width=COLUMNS, force_terminal=True, color_system="truecolor")
    console.print(text)
    console.save_svg(str(ROOT / "docs/images/live_table.svg"), title="kotune tune kobart")


if __name__ == "__main__":
    main()
