"""What a tuning will take before it starts: goal models to train, candidates under each of them, and the trials."""

from __future__ import annotations

from dataclasses import dataclass

from curation.analysis.expected import forms_of, scale_of
from curation.engine import Engine
from curation.models.architectures import Form
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.pipeline.expense import Scale
from curation.pipeline.stages import STAGES
from curation.progress import duration
from curation.recipe import Recipe, guides
from curation.storage.workspace import Workspace
from curation.tuning.settings import Tuning

TRAINED = ("goal_model", "surrogates")
"""Stages that one training serves, whichever of its epochs is looked at."""

SHARED = ("ingest", "corruption")
"""Stages whose results are the same under every goal model."""

OF_TRAINING = {"architecture", "checkpoint", "start_from", "input_px", "train", "members"}


@dataclass(frozen=True)
class Beforehand:
    """goal_models: how many are compared; to_train: trainings that they still need, one for all epochs of one training;
    candidates_s: seconds for those and for copies and scores under all of them; trials_s: of all trials."""

    goal_models: int
    to_train: int
    candidates_s: float
    trials_s: float

    @property
    def sentence(self) -> str:
        """In words."""
        words = f"{self.to_train} goal model{'s' * (self.to_train != 1)} to train"
        if self.goal_models > 1:
            words += f" for {self.goal_models} that are compared"
        if self.candidates_s:
            words += f"; with copies and scores under each about {duration(self.candidates_s)}"
        return f"{words}; the trials about {duration(self.trials_s)} at most"


def measured(recipe: Recipe, settings: Tuning, *, device: str) -> Scale:
    """Return what the work of a tuning is counted in, measured on a few images of the recipe's source.

    Raises: UsageError: goal models that cannot be; CurationError: the source cannot be read.
    """
    guided = guides(recipe, settings.goal_models)
    forms = [form for one in guided.values() for form in forms_of(one)]
    return scale_of(recipe, device=device, also=[*forms, Form(settings.target)])


def beforehand(recipe: Recipe, settings: Tuning, workspace: Workspace, scale: Scale, *, engine: Engine) -> Beforehand:
    """Return what a tuning will take, by what is measured.

    Trials that are stopped early take less, and so do candidates of which a part is there.
    Raises: UsageError: goal models that cannot be; CurationError.
    """
    guided = guides(recipe, settings.goal_models)
    missing: dict[tuple[str, str], float] = {}
    for name, one in guided.items():
        pipeline = Pipeline(one, workspace, engine=engine)
        training = pipeline.recipe.goal_model.model_dump_json(include=OF_TRAINING)
        lacking = [found.stage for found in pipeline.status() if found.state not in ("done", "off")]
        for stage in (stage for stage in lacking if stage in {*FOR_SELECTION}):
            of = "" if stage in SHARED else training if stage in TRAINED else name
            missing[stage, of] = STAGES[stage]().expected(pipeline.recipe, scale).seconds
    to_train = sum(stage == "goal_model" for stage, _ in missing)
    each = scale.training_s(settings.schedule, scale.networks[Form(settings.target)], images=recipe.selection.budget)
    return Beforehand(len(guided), to_train, sum(missing.values()), settings.trials * settings.seeds * each)
