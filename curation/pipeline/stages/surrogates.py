"""Surrogates that the recipe's attacks use beside the goal model, trained on the same samples in the same way."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from curation.models.architectures import Form
from curation.pipeline.execution import Execution, Result
from curation.pipeline.expense import Expense, Scale
from curation.pipeline.plan import Plan
from curation.pipeline.stages.base import Stage, Status, state_of
from curation.pipeline.stages.goal_model import make_goal_model, training_expense
from curation.pipeline.trust import tell as tell_doubts
from curation.recipe import Recipe


class TrainSurrogates(Stage):
    """The networks that attacks use beside the goal model, those that have no checkpoint."""

    name = "surrogates"
    title = "Surrogates"
    unit = "epochs"
    needs = ("ingest",)
    makes = "candidates"
    rare = True
    names_others = True

    def asked(self, recipe: Recipe) -> bool:
        """See ``Stage.asked``."""
        return any(attack.untrained for attack in recipe.variants.adversarial)

    def used(self, recipe: Recipe) -> bool:
        """See ``Stage.used``."""
        return recipe.selection.mix.adversarial > 0

    def results(self, plan: Plan) -> list[Result]:
        """See ``Stage.results``: it makes no shards, but models."""
        return []

    def status(self, plan: Plan, *, verify: bool = False) -> Status:
        """See ``Stage.status``: the note has the accuracy of each that is trained."""
        trainings = _trainings(plan)
        kept = [plan.workspace.model(training.model_key) for training in trainings.values()]
        epochs = plan.recipe.goal_model.train.epochs
        done = sum(epochs if model.ready(verify=verify) else len(model.history()) for model in kept)
        missing = not all(model.ready() for model in kept)
        found = self._status(state_of(done, epochs * len(kept), missing=missing), done, epochs * len(kept))
        return replace(found, note=", ".join(map(_accuracy, trainings.values())))

    def cost(self, plan: Plan) -> float:
        """See ``Stage.cost``."""
        return sum(plan.workspace.model(key).seconds for key in _trainings(plan))

    def expected(self, recipe: Recipe, scale: Scale) -> Expense:
        """See ``Stage.expected``: as much memory as the largest takes."""
        found, wanted = Expense(), Counter[str]()
        for attack in recipe.variants.adversarial:
            wanted |= Counter(surrogate.architecture for surrogate in attack.untrained)
        for name in wanted.elements():
            found += training_expense(recipe.goal_model.train, scale.networks[Form(name)], scale)
        return found

    def run(self, execution: Execution) -> None:
        """See ``Stage.run``: finished epochs are kept."""
        trainings = _trainings(execution.plan)
        with ExitStack() as held:
            for key in sorted(trainings):
                held.enter_context(execution.alone(key, 1))
            execution.tasks(
                [
                    partial(make_goal_model, training)
                    for key, training in trainings.items()
                    if not training.workspace.model(key).ready(verify=True)
                ]
            )
        execution.tell(len(trainings), len(trainings), unit="models")
        for training in trainings.values():
            tell_doubts(training)


def _trainings(plan: Plan) -> dict[str, Plan]:
    """Return what trains each surrogate by the key of its model, for attacks may have the same."""
    found = [training for attack in plan.recipe.variants.adversarial for training in plan.surrogates(attack)]
    return {training.model_key: training for training in found}


def _accuracy(training: Plan) -> str:
    about = training.workspace.model(training.model_key).about or {}
    measured = [about[name] for name in ("test_accuracy", "train_accuracy") if about.get(name) is not None]
    name = training.recipe.goal_model.architecture
    return f"{name} {measured[0]:.1%}" if measured else name
