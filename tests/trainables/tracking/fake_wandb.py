"""A fake of the wandb module and its server."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any


class FakeRun:
    """Records what is logged."""

    def __init__(self, folder: Path) -> None:
        self.dir = str(folder / "wandb" / "run-1" / "files")
        self.logged: list[tuple[dict[str, Any], int]] = []
        self.summary: dict[str, Any] = {}
        self.exit_code: int | None = None

    def log(self, values: dict[str, Any], step: int) -> None:
        self.logged.append((values, step))

    def finish(self, exit_code: int) -> None:
        self.exit_code = exit_code


class FakeWandb:
    """The module and its server.

    Attributes:
        unreachable: why the server does not respond; empty if it does.
        failure: what opening a run online raises.
        probes: address and time limit of every probe of the server.
        init_calls: the arguments of every `init`.
    """

    def __init__(self, folder: Path) -> None:
        self.run = FakeRun(folder)
        self.unreachable = ""
        self.failure: Exception | None = None
        self.errors = SimpleNamespace(Error=type("Error", (Exception,), {}))
        self.probes: list[tuple[str, float]] = []
        self.init_calls: list[dict[str, Any]] = []

    def setup(self) -> SimpleNamespace:
        return SimpleNamespace(settings=SimpleNamespace(base_url="http://wandb.invalid"))

    def Settings(self, **options: Any) -> SimpleNamespace:
        return SimpleNamespace(base_url="http://default.invalid", **options)  # ignores the environment, as wandb's does

    def why_unreachable(self, url: str, seconds: float) -> str:
        self.probes.append((url, seconds))
        return self.unreachable

    def init(self, **options: Any) -> FakeRun:
        self.init_calls.append(options)
        if options["mode"] == "online" and self.failure is not None:
            raise self.failure
        return self.run
