"""Runs tasks on a Ray cluster: one that is there already, or one that is started here and stopped at the end."""

from __future__ import annotations

import importlib
import logging
import os
import socket
import warnings
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curation.engine.base import Relay, T, Task
from curation.engine.local import best_device
from curation.engine.ray_worker import POLL_S, call, seen, versions
from curation.errors import CurationError, UsageError, note_engine, some_of

RETRIES = 3
"""A task whose worker was lost runs again so many times; then it is taken to be what ends its workers."""

AHEAD = 2
"""Tasks handed to the cluster for each that it can run at once, so that no worker waits for the next one."""

GRACE_S = 5.0
"""A task that is told to stop has so long to leave its files in order before its process is ended."""

ANSWER_S = 300.0
"""A node that cannot start a worker in so long is given up."""


class RayEngine:
    """A worker a core or a GPU, on however many machines. Needs the extra ``curation[ray]``."""

    def __init__(self, device: str | None = None, *, address: str | None = None, gpus: float = 1.0) -> None:
        """Connect to a cluster, or start one on this machine.

        Args:
            device: cuda, mps or cpu, where tasks compute; None: the fastest of this machine.
            address: auto, host:6379 or ray://host:10001; None: that of ``RAY_ADDRESS``, or a cluster of its own.
            gpus: that each task on cuda asks for; 0.5: two share one.

        Raises: UsageError: Ray is not installed; CurationError: no cluster answers, or none of its nodes has a GPU.
        """
        self._ray = _imported()
        self._device = device or best_device()
        self._gpus = gpus
        self._mine = not self._ray.is_initialized()
        if self._mine:
            _connect(self._ray, address or os.environ.get("RAY_ADDRESS") or "local")
        self._reached: set[tuple[str, ...]] = set()
        self._letters: Any = None
        self._runs = 0
        most = max((node.get("GPU", 0) for node in self._nodes().values()), default=0)
        if self._device == "cuda" and most < gpus:
            raise CurationError(
                f"no node of the Ray cluster has {gpus:g} GPU; add --device cpu, or nodes that have one"
            )
        if self._device == "cpu" and device is None and most:
            raise CurationError(
                "the Ray cluster has GPUs and this machine has none, but a recipe's results are of one kind of device; "
                "start from a node with a GPU, or add --device cpu"
            )

    @property
    def device(self) -> str:
        """See ``Engine.device``."""
        return self._device

    @property
    def elsewhere(self) -> bool:
        """See ``Engine.elsewhere``."""
        return True

    def close(self) -> None:
        """Stop a cluster that was started here, or leave the other one as it is; the end of the process does so too."""
        if self._mine:
            self._ray.shutdown()

    def reach(self, paths: Mapping[str, Path]) -> None:
        """See ``Engine.reach``; also compares versions. Every node is asked once for the same paths."""
        here, asked = Path.cwd(), {}
        whole = {name: here / path if isinstance(path, os.PathLike) else path for name, path in paths.items()}
        nodes = {node: have for node, have in self._nodes().items() if (node, *paths) not in self._reached}
        if not nodes:
            return
        if not self._reached and len(nodes) > 1:
            note_engine(f"{len(nodes)} Ray nodes must reach {', '.join(paths)}")
        by_node = importlib.import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        look = self._ray.remote(seen)
        for node in nodes:
            asking = look.options(num_cpus=0, max_retries=0, scheduling_strategy=by_node(node, soft=False))
            asked[asking.remote(whole)] = node
        self._ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_S)
        for answer, node in asked.items():
            name = f"Ray node {nodes[node]['name']}"
            try:
                theirs, missing = self._ray.get(answer, timeout=0.1)
            except self._ray.exceptions.RayError as error:
                if node not in self._nodes():
                    continue  # it was lost meanwhile
                why = str(getattr(error, "cause", error)).strip().splitlines()[0]
                raise CurationError(
                    f"{name} cannot run a task ({why}); every node needs the same Python with the same packages"
                ) from error
            if missing:
                raise CurationError(
                    f"{name} does not see {some_of(missing)}; put it on a file system that every node mounts at the "
                    "same place"
                )
            mine = versions()
            differ = [f"{what} {theirs[what]} instead of {mine[what]}" for what in mine if theirs[what] != mine[what]]
            if differ:
                raise CurationError(f"{name} has {some_of(differ)}; install the same versions on every node")
            self._reached.add((node, *paths))

    def run(self, tasks: Sequence[Task[T]], *, relay: Relay | None = None) -> Iterator[tuple[int, T]]:
        """Run every task on the cluster; see ``Engine.run``. Raises: CurationError: a task ends its workers."""
        ray, lost, folder = self._ray, Counter[int](), Path.cwd()
        kept = [ray.put(list(tasks))]  # in a list it travels as a reference: each process opens it once
        self._runs += 1
        letters = (self._mailbox(), self._runs) if relay else None
        needs, threads = self._needs(len(tasks))
        begin = ray.remote(call).options(max_retries=0, **needs)
        waiting, flight = deque(range(len(tasks))), dict[Any, int]()
        try:
            while waiting or flight:
                while waiting and len(flight) < AHEAD * self._slots(needs):
                    index = waiting.popleft()
                    flight[begin.remote(kept, index, letters, folder, threads)] = index
                ended, _ = ray.wait(list(flight), timeout=POLL_S)
                if relay:
                    for index, told in self._told().items():
                        if index in flight.values():
                            relay(index, *told)
                for answer in ended:
                    index = flight.pop(answer)
                    try:
                        result, notes = ray.get(answer)
                    except ray.exceptions.RayTaskError as error:
                        raise error.cause from None
                    except ray.exceptions.RayError as error:
                        lost[index] += 1
                        if lost[index] > RETRIES:
                            raise CurationError(_poisonous(tasks, index, error)) from error
                        waiting.appendleft(index)
                        continue
                    for category, sentence in notes:
                        warnings.warn(sentence, category, stacklevel=2)
                    yield index, result
        finally:
            self._stop(list(flight))

    def _stop(self, flight: list[Any]) -> None:
        """End tasks in flight: those that wait at once, those that run with a moment to leave their files in order."""
        if flight:
            for answer in flight:
                self._ray.cancel(answer)
            _, running = self._ray.wait(flight, num_returns=len(flight), timeout=GRACE_S)
            for answer in running:
                self._ray.cancel(answer, force=True)

    def _nodes(self) -> dict[str, dict[str, Any]]:
        """Return what every living node that can run tasks has, by its id: name, CPU, GPU."""
        found = {
            node["NodeID"]: {"CPU": 0.0, **node["Resources"], "name": node["NodeManagerHostname"]}
            for node in self._ray.nodes()
            if node["Alive"]
        }
        return {node: have for node, have in found.items() if have.get(self._kind, 0)}

    @property
    def _kind(self) -> str:
        return "GPU" if self._device == "cuda" else "CPU"

    def _needs(self, tasks: int) -> tuple[dict[str, float], int | None]:
        """Return what each of so many tasks asks for, and its threads on a CPU: a core, or more where tasks are few."""
        if self._device == "cuda":
            return {"num_gpus": self._gpus, "num_cpus": 1}, None
        cores = [int(node["CPU"]) for node in self._nodes().values()] or [1]
        threads = max(1, min(sum(cores) // max(tasks, 1), *cores))
        return {"num_cpus": threads}, threads

    def _slots(self, needs: Mapping[str, float]) -> int:
        """Return how many tasks the cluster can run at once, as it is now."""
        need = needs["num_gpus" if self._device == "cuda" else "num_cpus"]
        return max(1, sum(int(node[self._kind] / need) for node in self._nodes().values()))

    def _mailbox(self) -> Any:
        """Return the queue in which tasks tell how far they are; it lives on the head node, as the cluster does."""
        if self._letters is None:
            queue = importlib.import_module("ray.util.queue")
            self._letters = queue.Queue(actor_options={"num_cpus": 0, "resources": {"node:__internal_head__": 0.001}})
        return self._letters

    def _told(self) -> dict[int, tuple[int, int, str]]:
        """Return what each task of this run told last, since this was last asked."""
        found = self._letters.get_nowait_batch(self._letters.qsize())
        return {index: told for run, index, *told in found if run == self._runs}


def _imported() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    try:
        return importlib.import_module("ray")
    except ImportError:
        raise UsageError("the engine ray needs Ray, which is not installed: pip install 'curation[ray]'") from None


def _connect(ray: Any, address: str) -> None:
    """Start a cluster on this machine (local), or attach to the one at an address. Raises: CurationError."""
    more = {"include_dashboard": False} if address == "local" else {}
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        if host:  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), timeout=ANSWER_S / 10).close()
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **more)
    except (OSError, RuntimeError, ValueError, AssertionError, ImportError) as error:
        what = "cannot be started on this machine" if address == "local" else f"does not answer at {address}"
        raise CurationError(f"Ray {what}: {str(error).strip().splitlines()[0]}") from error


def _poisonous(tasks: Sequence[Any], index: int, error: Exception) -> str:
    """Return the sentence for a task that ends its workers."""
    task = tasks[index]
    while not hasattr(task, "__name__"):
        task = getattr(task, "func", None) or getattr(task, "task", None) or type(task)
    why = "memory ran out" if type(error).__name__ == "OutOfMemoryError" else type(error).__name__
    return (
        f"task {index + 1} of {len(tasks)} ({task.__name__}) ended its worker {RETRIES + 1} times ({why}); what was "
        "finished is kept: look into the Ray logs of that node, or give each task more memory (fewer workers a node)"
    )
