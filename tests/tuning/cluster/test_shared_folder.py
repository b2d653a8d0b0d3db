"""Whether a machine sees a folder; without Ray."""

from __future__ import annotations

import threading
from pathlib import Path

from tuning.cluster.shared_folder import is_visible


def test_a_file_that_appears_late_is_visible(tmp_path: Path) -> None:
    """A shared folder may show new files late; the wait for a file that never appears is short."""
    file = tmp_path / "file"
    threading.Timer(0.3, file.touch).start()
    assert is_visible(str(file))
    assert not is_visible(str(tmp_path / "other"), seconds=0.1)
