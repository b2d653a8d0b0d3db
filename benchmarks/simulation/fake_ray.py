"""In the place of the module `ray`: actors, their messages, and the machines of a cluster.

As in Ray, the calls of one process to one actor arrive in order, those of different processes in any order. If a call
or its answer is lost, the caller gets `ActorUnavailableError`. A duplicated call stands for the messages that a
restarted worker group repeats; it arrives later than those after it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import ray.exceptions

from benchmarks.simulation.kernel import Event, Kernel, Process

#: Seconds until a caller notices that an actor, or the connection to it, is gone.
_NOTICE_SECONDS = 0.3

#: Calls that a restarted worker group repeats, so that a duplicate must do no harm.
REPEATABLE = {"report", "heartbeat", "should_stop", "is_ending", "is_closing", "report_saved", "save_and_stop"}


@dataclass
class Machine:
    """A machine of the cluster: how many slots it has room for, and whether it is there."""

    name: str
    slots: int
    is_alive: bool = True
    groups: list[Process] = field(default_factory=list)

    @property
    def has_room(self) -> bool:
        return self.is_alive and len(self.groups) < self.slots


def node_id(machine: str) -> str:
    """Returns Ray's id of a machine: 56 hexadecimal digits."""
    return machine.encode().hex().zfill(56)


@dataclass
class Network:
    """How messages travel.

    Args:
        delay: the longest time that a message takes, in seconds.
        loss_rate: share of calls that are lost, or whose answers are lost.
        duplicate_rate: share of repeatable calls that arrive twice.
        lost_calls: number of calls that were lost so far.
    """

    rng: random.Random
    delay: float = 0.0
    loss_rate: float = 0.0
    duplicate_rate: float = 0.0
    lost_calls: int = 0

    def seconds(self) -> float:
        """Draws the time that one message takes."""
        return self.rng.random() * self.delay


class Reference:
    """The future answer to a call, as `ray.ObjectRef`."""

    def __init__(self, kernel: Kernel) -> None:
        self.done = Event(kernel)
        self.value: Any = None
        self.error: BaseException | None = None

    def resolve(self, value: Any, error: BaseException | None = None) -> None:
        if not self.done.is_set():
            self.value, self.error = value, error
            self.done.set()


class Actor:
    """An actor with coroutines; it dies with the process that created it."""

    def __init__(self, name: str, owner: Process, instance: Any) -> None:
        self.name, self.owner, self.instance = name, owner, instance
        self.is_alive = True
        self.waiting: dict[Reference, asyncio.Task[Any]] = {}
        self.arrivals: dict[int, float] = {}  # pid of a caller -> when its last call arrives

    def kill(self) -> None:
        """Ends the actor; whoever waits for it gets an error."""
        self.is_alive = False
        waiting, self.waiting = self.waiting, {}
        for reference, task in waiting.items():
            task.cancel()
            reference.resolve(None, ray.exceptions.RayActorError())


class FakeRay:
    """The part of the module `ray` that `trainables.slots` and `tuning.trainable` use."""

    def __init__(self, kernel: Kernel, network: Network, machines: list[Machine], trace: Callable[[str], None]) -> None:
        self._kernel, self._network, self._trace = kernel, network, trace
        self.machines = machines
        self.actors: list[Actor] = []
        self.exceptions = ray.exceptions
        self.util = SimpleNamespace(list_named_actors=lambda: [actor.name for actor in self.actors if actor.is_alive])
        self.train = SimpleNamespace(
            get_context=lambda: SimpleNamespace(get_world_size=lambda: 1, get_world_rank=lambda: 0),
            get_preemption_info=lambda: None,
        )

    # ---- as in Ray

    def is_initialized(self) -> bool:
        return True

    def get_runtime_context(self) -> Any:
        return SimpleNamespace(get_node_id=lambda: node_id(self._kernel.running().machine))

    def get_actor(self, name: str) -> Any:
        for actor in self.actors:
            if actor.name == name and actor.is_alive:
                return _Handle(self, actor)
        raise ValueError(name)

    def remote(self, **_: object) -> Callable[[type], Any]:
        """As the decorator `@ray.remote(...)` of a class."""
        return lambda kind: SimpleNamespace(
            options=lambda name, **_: SimpleNamespace(remote=lambda *args: self._create(name, kind, args))
        )

    def get(self, reference: Reference) -> Any:
        reference.done.wait()
        if reference.error is not None:
            raise reference.error
        return reference.value

    def alive_nodes(self) -> set[str]:
        """Ids of the machines that are alive."""
        return {node_id(machine.name) for machine in self.machines if machine.is_alive}

    # ---- actors and messages

    def _create(self, name: str, kind: type, args: tuple[Any, ...]) -> Any:
        owner = self._kernel.running()
        actor = Actor(name, owner, kind(*args))
        owner.on_end.append(actor.kill)
        self.actors.append(actor)
        return _Handle(self, actor)

    def call(self, actor: Actor, method: str, args: tuple[Any, ...]) -> Reference:
        """Sends a call to an actor."""
        caller, loop, network = self._kernel.running(), self._kernel.loop, self._network
        reference = Reference(self._kernel)
        arrival = max(loop.now + network.seconds(), actor.arrivals.get(caller.pid, 0.0))
        actor.arrivals[caller.pid] = arrival
        if network.loss_rate and network.rng.random() < network.loss_rate:
            self._trace(f"{caller.name}: the call {method} is lost")
            network.lost_calls += 1
            loop.call_later(
                _NOTICE_SECONDS, reference.resolve, None, ray.exceptions.ActorUnavailableError("lost", bytes(16))
            )
            if network.rng.random() < 0.5:  # only the answer is lost
                loop.call_at(arrival, self._deliver, actor, method, args, Reference(self._kernel))
            return reference
        loop.call_at(arrival, self._deliver, actor, method, args, reference)
        if method in REPEATABLE and network.duplicate_rate and network.rng.random() < network.duplicate_rate:
            self._trace(f"{caller.name}: the call {method} is duplicated")
            later = arrival + network.seconds() * 5
            loop.call_at(later, self._deliver, actor, method, args, Reference(self._kernel))
        return reference

    def _deliver(self, actor: Actor, method: str, args: tuple[Any, ...], reference: Reference) -> None:
        loop = self._kernel.loop
        if not actor.is_alive:
            loop.call_later(_NOTICE_SECONDS, reference.resolve, None, ray.exceptions.RayActorError())
            return

        def answer(task: asyncio.Task[Any]) -> None:
            if actor.waiting.pop(reference, None) is not None and not task.cancelled():
                error = task.exception()
                loop.call_later(self._network.seconds(), reference.resolve, None if error else task.result(), error)

        task = loop.create_task(getattr(actor.instance, method)(*args))
        actor.waiting[reference] = task
        task.add_done_callback(answer)


class _Handle:
    """The handle of an actor: `handle.method.remote(...)`."""

    def __init__(self, fake_ray: FakeRay, actor: Actor) -> None:
        self._ray, self._actor = fake_ray, actor

    def __getattr__(self, method: str) -> Any:
        if method.startswith("__"):
            raise AttributeError(method)
        return SimpleNamespace(remote=lambda *args: self._ray.call(self._actor, method, args))
