"""The variant database: every corrupted and adversarial copy that a workspace knows, with what the goal model says.

It is no store of its own: a set of variants is an ``ImageSet`` with its scores, kept under a key of all that determines
it, and described beside its shards. A recipe's variants are candidates; the database also knows those that other
recipes, or ``curation variants``, computed for the same samples, goal model and seed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from curation.analysis.timing import shortest_run
from curation.attacks import ATTACKS
from curation.attacks.base import Attack
from curation.corruptions import CORRUPTIONS, Corruption
from curation.errors import CurationError
from curation.models.prediction import to_device
from curation.pipeline.fitting import network_of
from curation.pipeline.pixels import variant_seeds
from curation.pipeline.plan import Plan
from curation.plugin import Plugin, plain_name
from curation.recipe import Recipe
from curation.storage.differences import TIMES_SMALLER
from curation.storage.image_set import ImageSet

PROBE = 32
"""Images on which a cost is measured before a job starts."""


def described(plan: Plan) -> list[ImageSet]:
    """Return every set of variants kept for the plan's samples, goal model and seed, finished or not.

    By family, kind and severity; sets of other parameters than the recipe's are told apart by their plug-in.
    """
    found: list[ImageSet] = []
    for key, about in plan.workspace.described_pixels().items():
        if about["samples"] != plan.samples.digest or about["seed"] != plan.recipe.seed:
            continue
        registry: Any = ATTACKS if about["family"] == "adversarial" else CORRUPTIONS
        try:
            plugin = registry.build(about["kind"], about["parameters"])
            rows = plan.rows_of(about["rows_of"])
            images = plan.variant(about["family"], plugin, about["severity"], rows=rows)
        except CurationError:
            continue  # of a plug-in, parameter or sample that is no more
        if images.key == key:  # else of another goal model, or made by an older version
            found.append(images)
    order = ("corruption", "adversarial")
    return sorted(found, key=lambda images: (order.index(images.family), images.kind, images.severity))


def finished(plan: Plan) -> list[ImageSet]:
    """Return the sets of ``described`` whose images and scores are all there, ready to be read often."""
    return [images.frozen() for images in described(plan) if images.ready() and plan.scores(images).complete()]


def largest(plan: Plan) -> list[ImageSet]:
    """Return of every finished corruption or attack the set with the most samples."""
    best: dict[Plugin, ImageSet] = {}
    for images in finished(plan):
        if images.plugin not in best or len(images.sample_rows) > len(best[images.plugin].sample_rows):
            best[images.plugin] = images
    return list(best.values())


def outdated(plan: Plan, images: ImageSet) -> np.ndarray:
    """Return bool M: which copies of a set an attack moved away from another label than their sample has now."""
    if images.family != "adversarial":
        return np.zeros(len(images.sample_rows), dtype=bool)
    now: np.ndarray = (plan.samples.labels_with(images.relabel) != plan.labels)[images.sample_rows]
    return now


def parameters(plugin: Plugin) -> str:
    """Return a plug-in's parameters in one line, as ``curation variants --attack`` reads them.

    Those at their default are left out, except epsilon and steps, by which people know an attack.
    """
    fields = type(plugin).model_fields
    return " ".join(
        f"{name}={_plain(value)}"
        for name, value in plugin.model_dump(mode="json").items()
        if name in ("epsilon", "steps") or getattr(plugin, name) != fields[name].get_default(call_default_factory=True)
    )


def words(kind: str, severity: int, parameters: str = "") -> str:
    """Return how people call a variant: fog 3, or an attack with the parameters that tell its sets apart."""
    name = plain_name(kind)
    return f"{name} ({parameters})" if parameters else " ".join(part for part in (name, str(severity or "")) if part)


def called(images: ImageSet) -> tuple[str, int, str]:
    """Return what tells a set apart for people: kind, severity and, of attacks, the parameters."""
    return images.kind, images.severity, parameters(images.plugin) if images.family == "adversarial" else ""


def title(images: ImageSet) -> str:
    """Return how people call a set of variants."""
    kind, severity, told = called(images)
    return words(kind, 0 if images.family == "adversarial" else severity, told)


def kept(plan: Plan, sets: Sequence[ImageSet]) -> pd.DataFrame:
    """Return one row a set, finished or not: Variant, Images (there, or made when read), Of (how many), Scored, MB."""
    each = float(np.prod(plan.samples.shape)) / 1e6
    rows = []
    for images in sets:
        total = int(images.sizes.sum())
        scored = images.ready() and plan.scores(images).complete()
        rows.append(
            {
                "Variant": title(images),
                "Images": total - int(images.sizes[images.lacking()].sum()),
                "Of": len(images.sample_rows),
                "Scored": scored,
                "MB": images.kept() * each,
            }
        )
    return pd.DataFrame(rows, columns=["Variant", "Images", "Of", "Scored", "MB"])


def asked(
    recipe: Recipe,
    *,
    kinds: Sequence[str],
    severities: Sequence[int],
    constants: str,
    attacks: Sequence[Mapping[str, Any]],
    samples: int | None,
) -> Recipe:
    """Return a recipe with other variants: corruptions only where kinds and severities are given.

    Args: attacks: name and parameters of each, as in a recipe; samples: how many of them, None: all.
    Raises: UsageError as ``Recipe.parse``.
    """
    own = recipe.variants.corruption
    keep = {"keep": own.keep} if own else {}
    corruption = {"kinds": list(kinds), "severities": list(severities), "constants": constants, **keep}
    block = {"corruption": corruption if kinds and severities else None, "adversarial": list(attacks)}
    return recipe.with_changes(variants={**block, "samples": samples})


def table(plan: Plan, sets: Sequence[ImageSet]) -> pd.DataFrame:
    """Return one row a variant of some finished sets, in their order.

    Columns: set (its place among ``sets``), sample_id, family, kind, severity, parameters, seed (int64, of every random
    draw), label, success (whether the prediction is wrong), prediction, true_probability (NaN where the label was
    changed since it was scored), entropy (nats), gini, margin (and the scores of Monte Carlo dropout), linf and l2
    (size of the change, pixels in [0, 1]).
    """
    samples = plan.samples
    parts = []
    for index, images in enumerate(sets):
        part = plan.scores(images).whole_table()
        ids = samples.sample_ids[images.sample_rows]
        label = plan.labels[images.sample_rows]
        as_scored = label == samples.labels_with(images.relabel)[images.sample_rows]
        part["true_probability"] = part["true_probability"].where(as_scored)
        first = {
            "set": np.full(len(ids), index, dtype=np.int32),
            "sample_id": ids,
            "family": images.family,
            "kind": images.kind,
            "severity": np.int8(images.severity),
            "parameters": parameters(images.plugin),
            "seed": seeds(plan, images).numpy(),
            "label": label.astype(np.int32),
            "success": part["prediction"].to_numpy() != label,
        }
        parts.append(pd.concat([pd.DataFrame(first), part], axis=1))
    if not parts:
        raise CurationError("no variants are kept yet; compute some (`curation variants`, or the Variants page)")
    whole = pd.concat(parts, ignore_index=True)
    return whole.astype(dict.fromkeys(("family", "kind", "parameters"), "category"))


def seeds(plan: Plan, images: ImageSet) -> torch.Tensor:
    """Return the seed of each variant of a set, int64 M."""
    return variant_seeds(images.plugin, plan.recipe.seed, plan.samples.sample_ids[images.sample_rows])


def pixels(sets: Sequence[ImageSet], which: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return some variants' pixels, uint8 M×H×W×C: variant m is of set ``which[m]`` and of sample row ``rows[m]``."""
    which, rows = np.asarray(which), np.asarray(rows)
    out: np.ndarray | None = None
    for index in np.unique(which):
        mine = np.flatnonzero(which == index)
        some = sets[int(index)].gather(rows[mine])
        if out is None:
            out = np.empty((len(which), *some.shape[1:]), dtype=np.uint8)
        out[mine] = some
    if out is None:
        raise CurationError("no variant was asked for")
    return out


def estimate(plan: Plan, *, on_probe: Callable[[str], None] = lambda _: None) -> pd.DataFrame:
    """Measure on a few images what the recipe's variants will cost.

    Args: on_probe: told what is being timed.
    Returns: one row a set: family, kind, severity, parameters, images, missing (not made, or of what is not kept as
        files not scored), megabytes (that the missing ones take as files), seconds (to make and score them here;
        attacks: at most, for samples may be done earlier).
    Raises: CurationError when the samples are not read yet.
    """
    samples, device = plan.samples, plan.device
    some = np.arange(min(PROBE, len(samples)))
    batch = to_device(samples.images(some), device)
    on_probe(plan.recipe.goal_model.architecture)
    try:
        network = plan.model.load()
    except CurationError:  # not trained yet: another one of its architecture costs the same
        network = network_of(plan.recipe.goal_model.form, classes=len(samples.classes), shape=samples.shape)
        network = network.eval().to(device)
    with torch.inference_mode():
        pass_s = shortest_run(lambda: network(batch), device, warm_up=True) / len(some)
    wanted, total = plan.recipe.variants, len(plan.variant_rows)
    costs: list[tuple[str, Corruption | Attack, float]] = []
    for corruption in wanted.corruption.members() if wanted.corruption else []:
        on_probe(corruption.name)
        making_s = shortest_run(partial(corruption, batch, seeds=torch.arange(len(some))), device, warm_up=True) / len(
            some
        )
        costs.append(("corruption", corruption, making_s))
    for attack in wanted.adversarial:
        costs.append(("adversarial", attack, attack.most_passes(len(samples.classes)) * pass_s))
    ready = plan.workspace.model(plan.model_key).ready(plan.epoch)
    there = plan.corrupted()
    # Before goal model and surrogates are there, the key of an attack is not known, and nothing of it can be kept.
    with suppress(CurationError):
        there += plan.attacked()
    files = ["adversarial"] + ["corruption"] * bool(wanted.corruption and wanted.corruption.keep == "all")
    missing = {
        images.plugin: int(images.sizes[images.pixels.missing()].sum())
        if images.family in files
        else int(images.sizes_of_samples(plan.samples)[plan.scores(images).missing()].sum())
        for images in there
        if images.family in files or ready
    }
    wholes = {images.plugin: plan.whole(images) for images in there}
    rows, each_mb = [], float(np.prod(samples.shape)) / 1e6
    kept_mb = {"corruption": each_mb, "adversarial": each_mb / TIMES_SMALLER}
    for family, plugin, making_s in costs:
        left = missing.get(plugin, total)
        whole = wholes.get(plugin)
        if family in files and whole is not None and whole.pixels.complete():
            making_s = 0.0  # they are taken from there
        rows.append(
            {
                "family": family,
                "kind": plugin.name,
                "severity": getattr(plugin, "severity", 0),
                "parameters": parameters(plugin),
                "images": total,
                "missing": left,
                "megabytes": left * kept_mb[family] if family in files else 0.0,
                "seconds": left * (making_s + pass_s),
            }
        )
    return pd.DataFrame(rows)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
