"""The expensive steps between a recipe and a curated set, one class each, in the order in which they are done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from curation.errors import UsageError, note_plugin
from curation.pipeline.plan import Plan
from curation.pipeline.stages.adversarial import AttackSamples
from curation.pipeline.stages.base import Stage, State, Status
from curation.pipeline.stages.corruption import Corrupt
from curation.pipeline.stages.coverage import Cover
from curation.pipeline.stages.duplicates import FindDuplicates
from curation.pipeline.stages.embed import Embed
from curation.pipeline.stages.goal_model import MakeGoalModel
from curation.pipeline.stages.ingest import Ingest
from curation.pipeline.stages.labels import CheckLabels
from curation.pipeline.stages.map import DrawMap
from curation.pipeline.stages.score import Score
from curation.pipeline.stages.self_correction import SelfCorrect
from curation.pipeline.stages.surrogates import TrainSurrogates
from curation.plugin import Registry

__all__ = ["FOR_POOL", "FOR_SELECTION", "STAGES", "Stage", "State", "Status", "in_order", "statuses", "titles"]

STAGES: Registry[Stage] = Registry(
    "stage",
    (
        Ingest,
        FindDuplicates,
        MakeGoalModel,
        TrainSurrogates,
        Corrupt,
        AttackSamples,
        Score,
        SelfCorrect,
        Cover,
        Embed,
        DrawMap,
        CheckLabels,
    ),
)
"""Every stage: ours in the order in which they are done, then other packages'."""


def in_order() -> dict[str, Stage]:
    """Return every stage by its name, in the order in which they are done: each after those it needs.

    One that needs what no other is called is left out, with one warning sentence.
    """
    found: dict[str, Stage] = {}
    left = {member.name: member() for member in STAGES}
    while ready := next((stage for stage in left.values() if {*stage.needs} <= found.keys()), None):
        found[ready.name] = left.pop(ready.name)
    for stage in left.values():
        lacking = ", ".join(sorted({*stage.needs} - found.keys()))
        note_plugin(
            f"the stage {stage.name} needs {lacking}, which no stage that can come before it is called; it is left "
            "out: install the package that has it, or uninstall the one of this stage"
        )
    return found


def titles() -> dict[str, str]:
    """Return the words by which people know the stages, in order."""
    return {name: stage.title for name, stage in in_order().items()}


class _Names(Sequence[str]):
    """Names of stages, in order, looked up whenever they are asked for: by then other packages' can be loaded."""

    def __init__(self, *makes: str) -> None:
        self._makes = makes

    def _names(self) -> tuple[str, ...]:
        return tuple(name for name, stage in in_order().items() if stage.makes in self._makes)

    def __getitem__(self, index: Any) -> Any:
        return self._names()[index]

    def __len__(self) -> int:
        return len(self._names())


FOR_POOL = _Names("candidates")
"""The stages that make the candidates."""

FOR_SELECTION = _Names("candidates", "files", "selection")
"""The stages that a selection needs, and those that keep files of what may be selected."""


def statuses(plan: Plan, *, verify: bool = False) -> list[Status]:
    """Return how far every stage is, from what lies on disk; with ``verify`` damaged shards are found and removed."""
    found: dict[str, Status] = {}
    for name, stage in in_order().items():
        if not stage.asked(plan.recipe):
            found[name] = Status(name, "off", unit=stage.unit)
        elif any(found[need].state not in ("done", "off") for need in stage.needs):
            found[name] = Status(name, "waiting", unit=stage.unit)
        else:
            found[name] = _status(stage, plan, verify=verify)
    return list(found.values())


def _status(stage: Stage, plan: Plan, *, verify: bool) -> Status:
    """Return how far a stage is; where it needs a file that is gone and only views need the stage, that is a note."""
    try:
        return stage.status(plan, verify=verify)
    except UsageError as error:
        if stage.makes != "views":
            raise
        return Status(stage.name, "missing", unit=stage.unit, note=str(error))
