"""What is not known: the limits of what was told."""

from __future__ import annotations

from curation.errors import CurationError
from curation.pipeline import stability_of
from curation.presentation.step import Missing, Points, Told
from curation.presentation.subject import Subject, plural


def tell(it: Subject) -> Told | Missing:
    """List what was not measured and what cannot be concluded."""
    points = [_other_models(it), _evaluated(it)]
    if it.recipe.label_errors is None:
        points.append(
            "How many labels are wrong: they were not searched for (curation labels does that). An image may look hard "
            "because its label is wrong."
        )
    if it.recipe.variants.corruption is not None:
        points.append(
            "How close the corrupted copies are to what cameras and weather do: they are computed, not photographed."
        )
    if it.recipe.variants.adversarial:
        points.append("What attacks that nobody tried would do. An accuracy under attack is never a guarantee.")
    points.append(
        "Whether images in use will look like these. What the source does not contain, no choice from it can teach; "
        "its license and consent terms hold for the set unchanged."
    )
    return Told(lead="Some questions stay open.", blocks=[Points(points)])


def _other_models(it: Subject) -> str:
    try:
        found = stability_of(it.pipeline.plan)
    except CurationError:
        found = None
    if found is not None:
        return f"What another goal model would choose. {found.sentence}"
    return (
        "What another goal model would choose: the choice follows one network, and how many images another training of "
        "it would choose again was not measured (curation stability does that)."
    )


def _evaluated(it: Subject) -> str:
    if it.evaluation is None:
        return "Whether networks trained on the set are better: that was not measured (curation evaluate does that)."
    results, title = it.evaluation
    targets = results.evaluation.targets
    done = int((results.trials["set"] == title).sum())
    return (
        f"Whether it holds for other networks and longer trainings: it was measured with {plural(done, 'training')} of "
        f"{' and '.join(targets)}, {results.evaluation.schedule.epochs} epochs each."
    )
