"""What processes of slots are forked with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from trainables import forkserver
from tuning import processes


def test_everything_can_be_imported_and_nothing_of_it_imports_ray() -> None:
    """A server that cannot import forks nothing; and the Ray of a parent would not work in its children."""
    code = (
        f"import importlib, sys; [importlib.import_module(name) for name in {processes.MODULES!r}]; print(*sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "torch" in told.stdout.split()
    assert not {"ray", "ray._raylet"} & set(told.stdout.split())


@pytest.mark.skipif(not forkserver.available(), reason="nothing is forked on this system")
def test_a_cluster_has_one_server_per_machine_and_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All drivers of one code name the same folder; where nothing is forked, none."""
    (first,) = processes.environment("auto").values()
    assert processes.environment("10.0.0.1:6379") == {"py_executable": first}
    monkeypatch.setattr(processes, "_code", lambda: "changed")
    assert processes.environment("auto") != {"py_executable": first}
    monkeypatch.setattr(forkserver, "available", lambda: False)
    assert processes.environment("auto") == processes.environment(None) == {}
