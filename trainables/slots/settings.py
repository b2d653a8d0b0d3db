"""The settings of a slot. Imports no Ray."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """The resources of one slot."""

    workers: int
    cpus: float  # of each worker
    gpus: float  # of each worker


@dataclass(frozen=True)
class SlotSettings:
    """Everything that the owner of a slot needs to start it."""

    shape: Shape
    folder: str  # for Ray Train's own files; trials have folders of their own
    hang: float  # seconds without progress after which the slot counts as lost
    preemption_notices: bool = False  # whether machines announce that they are about to go
