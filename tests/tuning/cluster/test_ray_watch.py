"""A Ray that dies is noticed within seconds."""

from __future__ import annotations

import threading

import pytest

from tuning.cluster import ray_watch
from tuning.cluster.ray_watch import watch_ray


def test_only_an_essential_process_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The monitor of a log may end; and a death is told once."""
    ended, died, seen = ["log_monitor"], list[str](), threading.Event()

    def processes() -> list[str]:
        seen.set()
        return list(ended)

    monkeypatch.setattr(ray_watch, "ended_processes", processes)
    with watch_ray(died.append, seconds=0.01):
        assert seen.wait(5)
        assert died == []
        ended.append("raylet")
        for _ in range(500):
            if died:
                break
            threading.Event().wait(0.01)
        threading.Event().wait(0.05)
    assert died == ["raylet"]


def test_nothing_is_told_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray is shut down then."""
    died = list[str]()
    monkeypatch.setattr(ray_watch, "ended_processes", lambda: ["raylet"])
    with watch_ray(died.append, seconds=0.2):
        pass
    threading.Event().wait(0.3)
    assert died == []
