"""The goal model of a recipe: trained here, epoch by epoch and resumable, or somebody's weights; then kept.

One training gives many goal models: the weights after several of its epochs are kept, from weak to strong.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from torch import nn

from curation.engine import Tell
from curation.errors import CurationError
from curation.models.chance import accuracy_of, tally
from curation.models.ensemble import Ensemble
from curation.models.loading import load_weights
from curation.models.prediction import predict
from curation.pipeline.execution import Execution, Result
from curation.pipeline.expense import Expense, Scale, Speed
from curation.pipeline.fitting import History, fit, network_of, serialized
from curation.pipeline.plan import Plan
from curation.pipeline.stages.base import Stage, Status
from curation.pipeline.stages.score import ranks
from curation.pipeline.starting import identity, loaded, size_remark, started
from curation.pipeline.trust import tell as tell_doubts
from curation.readers.class_names import number_order_remark
from curation.recipe import Recipe, kept_epochs
from curation.sampling import subset
from curation.storage.files import digest
from curation.storage.samples import IN_MEMORY_BYTES
from curation.storage.workspace import KeptModel
from curation.training.settings import Training
from curation.training.trainer import Epoch

MEASURED = 2000
"""Accuracies are measured on at most this many images, each class by its share."""

SETTINGS = {"architecture", "checkpoint", "start_from", "input_px", "train", "members"}
"""Fields of a recipe's goal model that its description keeps."""

MEASURED_EARLIER = 500
"""As ``MEASURED``, after each kept epoch before the last, for it takes time from the training."""


class MakeGoalModel(Stage):
    """The classifier that guides curation."""

    name = "goal_model"
    title = "Goal model"
    unit = "epochs"
    needs = ("ingest",)
    makes = "candidates"
    names_others = True

    def used(self, recipe: Recipe) -> bool:
        """See ``Stage.used``: scores and attacks need it."""
        return ranks(recipe) or recipe.selection.mix.adversarial > 0

    def results(self, plan: Plan) -> list[Result]:
        """See ``Stage.results``: it makes no shards, but a model."""
        return []

    def status(self, plan: Plan, *, verify: bool = False) -> Status:
        """See ``Stage.status``."""
        goal, kept = plan.recipe.goal_model, plan.workspace.model(plan.model_key)
        epochs = 1 if goal.checkpoint else goal.train.epochs * goal.members
        if kept.ready(plan.epoch, verify=verify):
            changed = 0 if goal.checkpoint else int((plan.labels != plan.samples.labels).sum())
            note = f"trained on {changed:,} label{'s' * (changed > 1)} that you changed since" if changed else ""
            return replace(self._status("done", epochs, epochs), note=note)
        parts = [plan.workspace.model(member.model_key) for member in plan.members()]
        if any(part.started or (len(parts) > 1 and part.ready()) for part in parts):
            return self._status("partial", sum(len(part.history()) for part in parts), epochs)
        return self._status("stale" if plan.workspace.models() else "missing", 0, epochs)

    def cost(self, plan: Plan) -> float:
        """See ``Stage.cost``: of its whole training, whichever epoch is used."""
        return sum(plan.workspace.model(member.model_key).seconds for member in plan.members())

    def expected(self, recipe: Recipe, scale: Scale) -> Expense:
        """See ``Stage.expected``: images are held in memory up to a size; the optimizer has as much as the weights."""
        goal = recipe.goal_model
        network = scale.networks[goal.form]
        weights = 4 * network.parameters * goal.members
        if goal.checkpoint is not None:
            return Expense(0.0, weights, weights)
        return training_expense(goal.train, network, scale, members=goal.members)

    def run(self, execution: Execution) -> None:
        """See ``Stage.run``: the epochs done are kept."""
        plan = execution.plan
        kept, members = plan.workspace.model(plan.model_key), plan.members()
        with execution.alone(plan.model_key, 1), ExitStack() as held:
            if not kept.ready(plan.epoch, verify=True):
                for member in members if len(members) > 1 else []:
                    held.enter_context(execution.alone(member.model_key, 1))
                execution.tasks([partial(make_goal_model, member) for member in members if not _trained(member)])
                if len(members) > 1:
                    execution.tasks([partial(join_members, plan)])
        execution.tell(1, 1, unit="model")
        tell_doubts(plan)


def training_expense(train: Training, network: Speed, scale: Scale, *, members: int = 1) -> Expense:
    """Return about what it takes to train a network ``members`` times on all samples and to keep its weights."""
    weights = 4 * network.parameters * members
    images = min(scale.samples * scale.image_bytes, IN_MEMORY_BYTES)
    seconds = members * scale.training_s(train, network, images=scale.samples)
    return Expense(seconds, weights * len(kept_epochs(train.epochs)), images + 4 * weights)


def _trained(plan: Plan) -> bool:
    kept = plan.workspace.model(plan.model_key)
    return all(kept.ready(epoch, verify=True) for epoch in {None, plan.epoch})


def make_goal_model(plan: Plan, tell: Tell) -> int:
    """Train or load a goal model, of several members one, and keep it; an ``engine.Task`` that counts images."""
    goal, history = plan.recipe.goal_model, History()
    kept, network = plan.workspace.model(plan.model_key), _network(plan, detector=goal.checkpoint is not None)
    if goal.checkpoint is not None:
        order = number_order_remark(plan.samples.classes)
        remarks = [*loaded(network, goal.checkpoint), *([order] if order else [])]
        network.to(plan.device)
    else:
        rates, remarks = started(network, goal)
        history = _train(plan, network, kept, tell, rates)
    remarks += size_remark(goal, plan.samples.shape)
    weights = serialized(network.eval())
    measured = {"digest": digest(weights), **_Accuracies(plan, MEASURED)(network)}
    history[-1:] = [row | measured for row in history[-1:]]
    kept.finish(weights, _about(plan, measured, history) | {"remarks": remarks})
    return 1 if goal.checkpoint else sum(goal.train.shown(len(plan.samples)))


def _about(plan: Plan, measured: dict[str, Any], history: History) -> dict[str, Any]:
    """Return a finished goal model's description."""
    goal = plan.recipe.goal_model
    return {
        "architecture": goal.architecture,
        **({"input_px": goal.form.side_px, "published": goal.form.published} if identity(goal) else {}),
        **({"detector": list(goal.form.detector)} if goal.form.detector else {}),
        "members": goal.members,
        "classes": len(plan.samples.classes),
        "shape": list(plan.samples.shape),
        "settings": goal.model_dump(mode="json", include=SETTINGS),
        "seed": plan.training_seed,
        "role": plan.role,
        "samples": None if goal.checkpoint is not None else plan.samples.digest,
        **measured,
        "history": history,
        "seconds": round(sum(row["seconds"] for row in history), 3),
    }


def join_members(plan: Plan, tell: Tell) -> int:
    """Keep the finished members' weights as those of one goal model, epoch for epoch; an ``engine.Task``."""
    epochs, kept = plan.recipe.goal_model.train.epochs, plan.workspace.model(plan.model_key)
    parts = [plan.workspace.model(member.model_key) for member in plan.members()]
    earlier, history, weights = _Accuracies(plan, MEASURED_EARLIER), History(), b""
    measured: dict[str, Any] = {}
    for rows in zip(*(part.history() for part in parts), strict=True):
        epoch = int(rows[0]["epoch"])
        row = {name: float(np.mean([one[name] for one in rows])) for name in ("loss", "accuracy")}
        row |= {"epoch": epoch, "seconds": round(sum(one["seconds"] for one in rows), 3)}
        if all("digest" in one for one in rows):
            network = _network(plan)
            assert isinstance(network, Ensemble)
            for member, part in zip(network.members, parts, strict=True):
                load_weights(member, part.weights_at(None if epoch == epochs else epoch))
            weights = serialized(network.eval())
            accuracies = _Accuracies(plan, MEASURED) if epoch == epochs else earlier
            measured = {"digest": digest(weights), **accuracies(network.to(plan.device))}
            row |= measured
            if epoch < epochs:
                kept.write_weights(epoch, weights)
        history.append(row)
        tell(epoch, epochs, "members answer together")
    remarks = (parts[0].about or {}).get("remarks", [])
    kept.finish(weights, _about(plan, measured, history) | {"remarks": remarks})
    return epochs


def _network(plan: Plan, *, detector: bool = True) -> nn.Module:
    """Args: detector: whether it has the goal model's; what is trained gets its own."""
    samples, goal = plan.samples, plan.recipe.goal_model
    return network_of(
        goal.form if detector else goal.form._replace(detector=None),
        classes=len(samples.classes),
        shape=samples.shape,
        members=goal.members,
        seed=plan.training_seed,
    )


def _train(plan: Plan, network: nn.Module, kept: KeptModel, tell: Tell, rates: dict[str, float]) -> History:
    settings, samples = plan.recipe.goal_model.train, plan.samples
    earlier = kept_epochs(settings.epochs)[:-1]
    accuracies, twin = _Accuracies(plan, MEASURED_EARLIER), _network(plan).to(plan.device)

    def keep_weights(epoch: Epoch) -> dict[str, Any]:
        if epoch.epoch not in earlier:
            return {}
        weights = _weights(epoch, twin)
        kept.write_weights(epoch.epoch, weights)
        return {"digest": digest(weights), **accuracies(twin)}

    return fit(
        network,
        kept,
        samples.array(),
        samples.labels,
        rates=rates,
        settings=settings,
        seed=plan.training_seed,
        device=plan.device,
        on_fit=tell,
        on_epoch=keep_weights,
    )


def _weights(epoch: Epoch, twin: nn.Module) -> bytes:
    """Return an epoch's weights (their average, where there is one) as a file's bytes, and load them into ``twin``."""
    twin.load_state_dict(epoch.state["average"] or epoch.state["model"])
    return serialized(twin.eval())


class _Accuracies:
    """Measures networks on some of the samples and of the source's test split, which are read once."""

    def __init__(self, plan: Plan, most: int) -> None:
        samples, self._device = plan.samples, plan.device
        self._classes = len(samples.classes)
        rows = subset(samples.sample_ids, most, labels=samples.labels)
        self._train = samples.images(rows), samples.labels[rows]
        self._test = _test_images(plan, most)

    def __call__(self, network: nn.Module) -> dict[str, Any]:
        """Return the accuracies on samples and test split, and under ``answers`` what ``tally`` has of each.

        Those of the test split are None where there is none that fits.
        """
        answers = {name: self._tally(network, part) for name, part in (("samples", self._train), ("test", self._test))}
        accuracies = {name: accuracy_of(found) if found else None for name, found in answers.items()}
        return {"train_accuracy": accuracies["samples"], "test_accuracy": accuracies["test"], "answers": answers}

    def _tally(self, network: nn.Module, part: tuple[np.ndarray, np.ndarray] | None) -> dict[str, Any] | None:
        if part is None:
            return None
        images, labels = part
        predictions = predict(network, images, device=self._device).argmax(1).numpy()
        return tally(predictions, labels, self._classes)


def _test_images(plan: Plan, most: int) -> tuple[np.ndarray, np.ndarray] | None:
    reader, samples = plan.recipe.source.reader, plan.samples
    if reader.split == "test":
        return None
    try:
        source = reader.model_copy(update={"split": "test"}).open()
        if source.shape != samples.shape or list(source.classes) != samples.classes:
            return None
        some = subset(np.arange(len(source)), most, labels=source.labels)
        chunk = source.read_at(some)
    except CurationError:
        return None
    return (chunk.images, chunk.labels) if len(chunk.images) else None
