"""Processes and virtual time: one process runs at a time, and the clock moves only while all of them wait.

A process is a thread that runs ordinary blocking code, such as the driver of a study or the owner of a slot. The kernel
resumes one process after the other, in the order of an event loop with a virtual clock. The coroutines of mailboxes run
in the same loop. The order therefore depends on nothing outside, and equal programs give equal traces.

Control is passed with two locks: `Process._turn` lets the thread of a process run, and `Kernel.hub` lets the event loop
go on when that process waits or ends.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Killed(BaseException):
    """Raised in a process that was killed, so that it has no further effect. `except Exception` does not catch it."""


class Deadlock(Exception):
    """All processes wait, and no event is scheduled that could wake one."""


class _Selector:
    """In the place of the event loop's selector: instead of waiting for sockets, it moves the clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Deadlock("all processes wait")
        self._loop.now += timeout
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop whose clock jumps to the next event."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._selector = _Selector(self)

    def time(self) -> float:
        return self.now

    def _process_events(self, events: list[Any]) -> None:
        """There are no events of sockets."""


class Process:
    """A process of the simulation.

    Args:
        machine: the name of the machine that it runs on.
        parent: the process that it dies with; None if there is none.

    Attributes:
        is_killed: It gets `Killed` at its next operation of the simulation.
        is_over: It has ended.
        hangs: Its training makes no more steps.
        token: Identifies its present wait; a wake-up for an earlier wait is ignored.
        over: Set when it has ended.
        on_end: Called when it has ended.
    """

    def __init__(
        self, kernel: Kernel, name: str, target: Callable[[], object], machine: str, parent: Process | None, pid: int
    ) -> None:
        self.kernel, self.name, self.machine, self.pid = kernel, name, machine, pid
        self.parent, self.children = parent, list[Process]()
        self.is_killed = self.is_over = False
        self.hangs = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.over = Event(kernel)
        self.on_end: list[Callable[[], None]] = []
        self._target = target
        self._turn = threading.Lock()
        self._turn.acquire()
        self.token = 0
        self._thread = threading.Thread(target=self._run, daemon=True, name=name)
        self._started = False

    def _run(self) -> None:
        self._turn.acquire()
        try:
            if not self.is_killed:
                self.result = self._target()
        except Killed:
            self.is_killed = True
        except BaseException as error:  # noqa: BLE001 - whoever waits for the process reads it
            self.error = error
        self.is_over = True
        self.kernel.ended(self)
        self.kernel.hub.release()

    def resume(self) -> None:
        """Runs the process until it waits or ends. Called by the kernel."""
        if self.is_over:
            return
        if not self._started:
            self._started = True
            self._thread.start()
        before, self.kernel.current = self.kernel.current, self
        self._turn.release()
        self.kernel.hub.acquire()
        self.kernel.current = before

    def wait(self) -> None:
        """Waits until the kernel resumes this process. Called by the process itself."""
        if self.is_killed:
            raise Killed
        self.kernel.hub.release()
        self._turn.acquire()
        if self.is_killed:
            raise Killed

    def with_children(self) -> Iterator[Process]:
        """Yields this process and all that die with it."""
        yield self
        for child in self.children:
            yield from child.with_children()


class Event:
    """As `threading.Event`, for processes of a simulation."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel, self._is_set = kernel, False
        self._waiting: list[tuple[Process, int]] = []

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        waiting, self._waiting = self._waiting, []
        for process, token in waiting:
            self._kernel.wake(process, token)

    def clear(self) -> None:
        self._is_set = False

    def wait(self, timeout: float | None = None) -> bool:
        process = self._kernel.running()
        if not self._is_set:
            token = self._kernel.new_token(process)
            self._waiting.append((process, token))
            if timeout is not None:
                self._kernel.loop.call_later(max(0.0, timeout), self._kernel.resume_now, process, token)
            process.wait()
        return self._is_set


class Kernel:
    """Creates, resumes and kills processes."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.hub = threading.Lock()
        self.hub.acquire()
        self.current: Process | None = None
        self.processes: list[Process] = []
        self._next_pid = 100

    def running(self) -> Process:
        """Returns the process that runs now.

        Raises:
            Killed: The process was killed.
        """
        assert self.current is not None, "this code runs outside the processes of the simulation"
        if self.current.is_killed:
            raise Killed
        return self.current

    def create(
        self,
        name: str,
        target: Callable[[], object],
        machine: str,
        parent: Process | None = None,
        pid: int | None = None,
    ) -> Process:
        """Creates a process without starting it; `pid` is a new number unless given."""
        self._next_pid += 1
        process = Process(self, name, target, machine, parent, pid or self._next_pid)
        self.processes.append(process)
        if parent is not None:
            parent.children.append(process)
        return process

    def start(self, process: Process) -> Process:
        """Starts a process; it runs after the events that are due now."""
        self.loop.call_soon(process.resume)
        return process

    def spawn(self, name: str, target: Callable[[], object], machine: str, parent: Process | None = None) -> Process:
        """Creates and starts a process."""
        return self.start(self.create(name, target, machine, parent))

    def ended(self, process: Process) -> None:
        """Called by a process that ends, normally or not: its children die with it."""
        self.processes.remove(process)
        for child in process.children:
            self.kill(child)
        process.children.clear()
        if process.parent is not None and process in process.parent.children:
            process.parent.children.remove(process)
        for call in process.on_end:
            call()
        process.over.set()

    def kill(self, process: Process) -> None:
        """Kills a process and its children."""
        for member in list(process.with_children()):
            if not member.is_over and not member.is_killed:
                member.is_killed = True
                if member is not self.current:
                    self.loop.call_soon(member.resume)

    def new_token(self, process: Process) -> int:
        process.token += 1
        return process.token

    def wake(self, process: Process, token: int) -> None:
        """Schedules the end of the wait that has this token."""
        self.loop.call_soon(self.resume_now, process, token)

    def resume_now(self, process: Process, token: int) -> None:
        """Ends the wait that has this token, unless it has ended."""
        if process.token == token and not process.is_over and not process.is_killed:
            process.token += 1
            process.resume()

    def sleep(self, seconds: float) -> None:
        """Lets the running process wait."""
        process = self.running()
        self.loop.call_later(max(0.0, seconds), self.resume_now, process, self.new_token(process))
        process.wait()

    def cancel(self, *calls: Callable[..., object]) -> None:
        """Cancels the scheduled calls of these functions."""
        for handle in self.loop._scheduled:  # type: ignore[attr-defined]
            if handle._callback in calls:
                handle.cancel()

    def run(self, main: Process, limit: float) -> None:
        """Starts `main`, and runs all processes until it has ended.

        Raises:
            TimeoutError: It has not ended after `limit` virtual seconds.
            Deadlock: All processes wait.
        """
        done = self.loop.create_future()
        main.on_end.append(lambda: None if done.done() else done.set_result(True))
        self.start(main)
        alarm = self.loop.call_later(limit, lambda: None if done.done() else done.set_result(False))
        if not self.loop.run_until_complete(done):
            raise TimeoutError(f"not over after {limit:g} s")
        alarm.cancel()

    @contextmanager
    def closing(self) -> Iterator[Kernel]:
        """Kills every process at the end."""
        try:
            yield self
        finally:
            for process in list(self.processes):
                process.is_killed = True
            while self.processes:
                process = self.processes[-1]
                process.resume()
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            if tasks:
                self.loop.run_until_complete(asyncio.wait(tasks))
            self.loop.close()
