"""The contract of a stage: what it is called, what it needs and makes, how far it is, what it cost, how it is run."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from curation.pipeline.execution import Execution, Result
from curation.pipeline.expense import Expense, Scale
from curation.pipeline.plan import Plan
from curation.plugin import Plugin
from curation.recipe import Recipe
from curation.storage.shards import Shards

State = Literal["done", "partial", "missing", "stale", "waiting", "off"]


@dataclass(frozen=True)
class Status:
    """How far one stage is for a recipe.

    ``stale``: results exist, but for other settings; ``waiting``: an earlier stage must be done first; ``off``: the
    recipe does not ask for it. ``done`` and ``total`` count units. ``note``: what else a person must know, or nothing.
    """

    stage: str
    state: State
    done: int = 0
    total: int = 0
    unit: str = "images"
    note: str = ""


class Stage(Plugin):
    """One expensive step between a recipe and a curated set.

    A stage sets ``name``, ``title`` (shown to people) and ``needs``, and writes ``results`` and ``run``. From the tuple
    of all stages come the command line's bars, the dashboard's rows, jobs, costs and the order of work. It has no
    parameters: what its results depend on stands in the recipe, and with ``version`` in the keys of its results.
    """

    family = "stage"
    unit: ClassVar[str] = "images"
    """What its status counts."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Stages that must be done before this one can begin."""
    makes: ClassVar[Literal["candidates", "files", "selection", "views"]] = "views"
    """What cannot be had without it: the pool of candidates, files of candidates that are there without them too, a
    selection from the pool, or what only the dashboard shows."""
    rare: ClassVar[bool] = False
    """Whether few recipes ask for it, so that it is not listed where it is off."""
    names_others: ClassVar[bool] = False
    """Whether keys of later results depend on what it makes, so that plans must be read again after it."""
    folder: ClassVar[str | None] = None
    """The workspace's folder of its results: when others' are there, it is ``stale`` rather than ``missing``."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Raises: TypeError: the class has fields."""
        if cls.model_fields:
            fields = ", ".join(cls.model_fields)
            raise TypeError(f"a stage has no parameters, but {cls.__name__} has {fields}; annotate it as ClassVar")

    def asked(self, recipe: Recipe) -> bool:
        """Whether the recipe asks for it."""
        return True

    def used(self, recipe: Recipe) -> bool:
        """Whether the set that a recipe selects depends on it; its cost is then part of the set's."""
        return False

    @abstractmethod
    def results(self, plan: Plan) -> list[Result]:
        """Return what it makes, computed or not. Raises: CurationError when a stage it needs is missing."""

    def order(self, plan: Plan) -> Shards:
        """Return the table of the order in which it chose, where selectors follow it (``Selector.follows``)."""
        raise NotImplementedError(f"{self.name} chooses nothing")

    def status(self, plan: Plan, *, verify: bool = False) -> Status:
        """Return how far it is, from what lies on disk; the stages it needs are done, and the recipe asks for it."""
        missing = [(part.sizes, part.missing(verify=verify)) for part in self.results(plan)]
        total = sum(int(sizes.sum()) for sizes, _ in missing)
        done = total - sum(int(sizes[indices].sum()) for sizes, indices in missing)
        stale = self.folder is not None and bool(plan.workspace.kept(self.folder))
        return self._status(
            state_of(done, total, missing=any(indices for _, indices in missing), stale=stale), done, total
        )

    def cost(self, plan: Plan) -> float:
        """Return the seconds that its kept results cost. Raises: CurationError when a stage it needs is missing."""
        return sum((plan.workspace.seconds(part.shards) for part in self.results(plan)), 0.0)

    def expected(self, recipe: Recipe, scale: Scale) -> Expense:
        """Return about what it will take, where the recipe asks for it and nothing is kept yet; by default nothing."""
        return Expense()

    @abstractmethod
    def run(self, execution: Execution) -> None:
        """Make what is missing; every finished part is kept at once. Raises: CurationError; Cancelled."""

    def _status(self, state: State, done: int = 0, total: int = 0) -> Status:
        return Status(self.name, state, done, total, self.unit)


def state_of(done: int, total: int, *, missing: bool, stale: bool = False) -> State:
    """Return the state of a stage with so many units done, of which some results are missing or not."""
    if not missing and total:
        return "done"
    if done:
        return "partial"
    return "stale" if stale else "missing"
