"""What a set of variants is, kept as plain data under its key, so that it can be found again."""

from __future__ import annotations

from curation.pipeline.plan import Plan
from curation.storage.image_set import ImageSet


def describe(plan: Plan, images: ImageSet) -> None:
    """Keep what one of a plan's sets of variants is."""
    about = {
        "family": images.family,
        "kind": images.kind,
        "severity": images.severity,
        "parameters": images.plugin.model_dump(mode="json"),
        "samples": plan.samples.digest,
        "rows_of": plan.recipe.variants.samples,
        "seed": plan.recipe.seed,
    }
    suite = {} if plan.role == "goal" else {"role": plan.role}
    plan.workspace.describe_pixels(images.key, about | suite)
