"""The expensive steps between a recipe and a curated set, one class each, in the order in which they are done."""

from __future__ import annotations

from curation.pipeline.plan import Plan
from curation.pipeline.stages.adversarial import AttackSamples
from curation.pipeline.stages.base import Stage, State, Status
from curation.pipeline.stages.corruption import Corrupt
from curation.pipeline.stages.coverage import Cover
from curation.pipeline.stages.embed import Embed
from curation.pipeline.stages.goal_model import MakeGoalModel
from curation.pipeline.stages.ingest import Ingest
from curation.pipeline.stages.labels import CheckLabels
from curation.pipeline.stages.map import DrawMap
from curation.pipeline.stages.score import Score
from curation.pipeline.stages.self_correction import SelfCorrect

__all__ = ["FOR_POOL", "FOR_SELECTION", "STAGES", "TITLES", "Stage", "State", "Status", "statuses"]

STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Ingest(),
        MakeGoalModel(),
        Corrupt(),
        AttackSamples(),
        Score(),
        SelfCorrect(),
        Cover(),
        Embed(),
        DrawMap(),
        CheckLabels(),
    )
}
"""Every stage by its name, in order."""

TITLES = {name: stage.title for name, stage in STAGES.items()}
"""The words by which people know them."""

FOR_POOL = tuple(name for name, stage in STAGES.items() if stage.makes == "candidates")
"""The stages that make the candidates."""

FOR_SELECTION = tuple(name for name, stage in STAGES.items() if stage.makes != "views")
"""The stages that a selection needs."""


def statuses(plan: Plan, *, verify: bool = False) -> list[Status]:
    """Return how far every stage is, from what lies on disk; with ``verify`` damaged shards are found and removed."""
    found: dict[str, Status] = {}
    for name, stage in STAGES.items():
        if not stage.asked(plan.recipe):
            found[name] = Status(name, "off", unit=stage.unit)
        elif any(found[need].state not in ("done", "off") for need in stage.needs):
            found[name] = Status(name, "waiting", unit=stage.unit)
        else:
            found[name] = stage.status(plan, verify=verify)
    return list(found.values())
