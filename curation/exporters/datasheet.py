"""The datasheet of a curated set: what is in it, how many, from where, and what it is not for. No dates, no hosts."""

from __future__ import annotations

import numpy as np

from curation.exporters.base import CuratedSet, Exporter

_WORDS = {"clean": "clean", "corruption": "corrupted", "adversarial": "adversarial"}


def datasheet(curated: CuratedSet, exporter: Exporter) -> str:
    """Return the datasheet as Markdown; the same set gives the same text."""
    about, manifest = curated.about, curated.manifest
    height, width, channels = curated.shape
    parts = [f"# {about['name']}\n"]
    if about.get("note"):
        parts.append(f"{about['note']}\n")
    parts.append(
        f"{len(curated):,} images of {width}×{height} pixels, {'grey' if channels == 1 else 'colour'}, "
        f"{len(curated.classes)} classes; {exporter.title}.\n"
    )
    parts += ["## Where it comes from\n", f"- Source: {about['source']}, {about['samples']:,} samples read"]
    if about.get("skipped"):
        parts.append(f"- {about['skipped']:,} samples could not be read and were skipped")
    parts.append(f"- Candidates: {about['candidates']:,} (clean images and their variants)")
    goal = about["goal_model"]
    parts.append(
        f"- Goal model: {goal['architecture']}, accuracy {_percent(goal['train_accuracy'])} on the samples, "
        f"{_percent(goal['test_accuracy'])} on the test split, weights {goal['digest']}\n"
    )
    parts += ["## What was chosen\n", "| family | images | candidates | passed over as too hard | hardness band |"]
    parts.append("|---|---|---|---|---|")
    for family, summary in about["families"].items():
        band = "–" if summary["upper"] is None else f"{summary['lower']:.4f} … {summary['upper']:.4f}"
        parts.append(
            f"| {_WORDS[family]} | {summary['chosen']:,} | {summary['candidates']:,} "
            f"| {summary['passed_over']:,} | {band} |"
        )
    parts += ["", "| entropy (nats) | lowest | 25 % | median | 75 % | highest |", "|---|---|---|---|---|---|"]
    for family, rows in manifest.groupby("family", observed=True):
        values = np.quantile(rows["entropy"].to_numpy(np.float64), [0, 0.25, 0.5, 0.75, 1])
        parts.append(f"| {_WORDS[str(family)]} | " + " | ".join(f"{value:.4f}" for value in values) + " |")
    counts = np.bincount(curated.labels, minlength=len(curated.classes))
    parts += ["", "## Classes\n", "| class | images |", "|---|---|"]
    parts += [f"| {name} | {count:,} |" for name, count in zip(curated.classes, counts, strict=True)]
    variants = manifest[manifest["family"] != "clean"]
    if len(variants):
        parts += ["", "## Variants\n", "| kind | severity | images |", "|---|---|---|"]
        groups = variants.assign(kind=variants["kind"].astype(str)).groupby(["kind", "severity"], observed=True).size()
        parts += [f"| {kind} | {severity or '–'} | {count:,} |" for (kind, severity), count in groups.items()]
    parts += [
        "",
        "## Limits\n",
        "- Uncertainty is measured under one goal model; another would choose other images.",
        "- Adversarial images are worst cases for that goal model, not for every model.",
        "- Corruptions are synthetic; they stand for, and are not, what cameras and weather do.",
        "- The licence and the consent of the source's images apply to this set unchanged.",
        "- `recipe.yaml` makes this set again from the same source, byte for byte; `SHA256SUMS` says whether it did.",
    ]
    return "\n".join(parts) + "\n"


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1%}"
