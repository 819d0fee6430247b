"""The datasheet of a curated set: what is in it, how many, from where, and what it is not for. No dates, no hosts."""

from __future__ import annotations

import collections
from typing import Any

import numpy as np

from curation.exporters.base import CuratedSet, Exporter

_WORDS = {"clean": "clean", "corruption": "corrupted", "adversarial": "adversarial"}


def datasheet(curated: CuratedSet, exporter: Exporter) -> str:
    """Return the datasheet as Markdown; the same set gives the same text."""
    about, manifest = curated.about, curated.manifest
    height, width, channels = curated.shape
    parts = [f"# {about.get('name', 'Curated set')}\n"]
    if about.get("note"):
        parts.append(f"{about['note']}\n")
    parts.append(
        f"{len(curated):,} images of {width}×{height} pixels, {'gray' if channels == 1 else 'color'}, "
        f"{len(curated.classes)} classes; {exporter.title}; "
        f"{about.get('labels', 'one-hot labels' if curated.soft_labels is None else 'soft labels')}.\n"
    )
    remark = exporter.remark(curated)
    if remark:
        parts.append(f"{remark}\n")
    parts += ["## Source\n", *_origin(about), "", *_families(curated)]
    parts += _coverage(about.get("coverage") or [], curated.classes, about.get("space"))
    if "entropy" in manifest:
        parts += ["", "| entropy (nats) | lowest | 25 % | median | 75 % | highest |", "|---|---|---|---|---|---|"]
        for family, rows in manifest.groupby("family", observed=True):
            values = np.quantile(rows["entropy"].to_numpy(np.float64), [0, 0.25, 0.5, 0.75, 1])
            parts.append(f"| {_WORDS[str(family)]} | " + " | ".join(f"{value:.4f}" for value in values) + " |")
    counts = np.bincount(curated.labels, minlength=len(curated.classes))
    parts += ["", "## Classes\n", "| class | images |", "|---|---|"]
    parts += [f"| {name.replace('|', '/')} | {count:,} |" for name, count in zip(curated.classes, counts, strict=True)]
    variants = manifest[manifest["family"] != "clean"]
    if len(variants):
        parts += ["", "## Variants\n", "| kind | severity | images |", "|---|---|---|"]
        counted = collections.Counter(
            zip(variants["kind"].astype(str), variants["severity"].astype(int).tolist(), strict=True)
        )
        parts += [f"| {kind} | {severity or '–'} | {count:,} |" for (kind, severity), count in sorted(counted.items())]
    parts += [
        "",
        "## Limits\n",
        "- Uncertainty is measured under one goal model; another would choose other images. "
        + (about.get("stability") or "How many, `curation stability` measures; it was not measured for this set."),
        "- Adversarial images are worst cases for that goal model, not for every model.",
        "- Corruptions are synthetic approximations of what cameras and weather do.",
        "- The license and consent terms of the source's images apply to this set unchanged.",
        *_again(curated),
    ]
    return "\n".join(parts) + "\n"


def _again(curated: CuratedSet) -> list[str]:
    """Return what can be promised of the recipe that lies beside the set."""
    trained = "the same only on the same kind of processor, with the same threads and precision"
    if curated.files:
        lines = [
            f"- `recipe.yaml` and the goal model beside it ({', '.join(curated.files)}) reproduce this set from the "
            "same source: byte for byte on the same kind of processor; on another, with the same images and labels, "
            "except for a few adversarial images, where rounding flips the sign of a gradient, and for the last digits "
            "of scores (and of the goal model's soft labels). `SHA256SUMS` shows whether the bytes are equal; "
            "`curation verify` lists what differs.",
            f"- A goal model that is trained again is {trained}.",
        ]
    else:
        lines = [f"- `recipe.yaml` trains the goal model again; it, and with it this set, is {trained}."]
    if curated.about.get("space"):
        lines.append(
            f"- Coverage was measured in {curated.about['space']}, which are not beside this set: `recipe.yaml` needs "
            "that file as well."
        )
    if curated.about.get("self_corrected"):
        lines.append(f"- The strategy trains networks of its own; what those choose is {trained}.")
    return lines


def _origin(about: dict[str, Any]) -> list[str]:
    lines = [f"- Data: {about.get('source', 'unknown')}, {about.get('samples', 0):,} samples read"]
    if about.get("skipped"):
        lines.append(f"- {about['skipped']:,} samples could not be read and were skipped")
    lines += [*_repeated(about.get("repeated") or {}), *_decided(about.get("decided") or {})]
    lines.append(f"- Candidates: {about.get('candidates', 0):,} (clean images and their variants)")
    goal = about.get("goal_model")
    if goal:
        lines.append(
            f"- Goal model: {goal.get('architecture')}, {_start(goal.get('start_from'))}"
            f"accuracy {_percent(goal.get('train_accuracy'))} on the samples, "
            f"{_percent(goal.get('test_accuracy'))} on the test split, weights {goal.get('digest')}"
        )
        lines += [f"- **Warning: {doubt}**" for doubt in goal.get("doubts", [])]
    return lines


def _start(weights: str | None) -> str:
    if weights is None:
        return ""
    return f"fine-tuned from {'its published weights' if weights == 'pretrained' else weights}, "


def _repeated(about: dict[str, Any]) -> list[str]:
    """Return what is said of samples that are the same picture."""
    if not about.get("images"):
        return []
    each = (
        "each picture counts once" if about["count"] == "once" else "each of them counts (`selection.duplicates: all`)"
    )
    repeat = "samples repeat" if about["images"] > 1 else "sample repeats"
    lines = [f"- {about['images']:,} {repeat} the picture of another, exactly or nearly; {each}"]
    if about["contradictory"]:
        lines.append(
            f"- **Pictures that are there under several labels: {about['contradictory']:,}**; images of this set that "
            f"are made of one: {about['chosen']:,}, each with the label of its sample"
        )
    return lines


def _decided(about: dict[str, int]) -> list[str]:
    """Return what a person decided about samples."""
    words = {"relabeled": "relabeled", "dropped": "dropped", "confirmed": "labels found right"}
    parts = [f"{about[name]:,} {said}" for name, said in words.items() if about.get(name)]
    return [f"- Decided by hand, by sample: {', '.join(parts)}"] if parts else []


def _families(curated: CuratedSet) -> list[str]:
    """Return the table of mix and offsets."""
    lines = [
        "## Selection\n",
        "| family | images | share | candidates | skipped as too hard | hardness band |",
        "|---|---|---|---|---|---|",
    ]
    for family, summary in curated.about.get("families", {}).items():
        band = "–" if summary["upper"] is None else f"{summary['lower']:.4f} … {summary['upper']:.4f}"
        passed = summary["passed_over"]
        lines.append(
            f"| {_WORDS[family]} | {summary['chosen']:,} | {summary['chosen'] / len(curated):.1%} "
            f"| {summary['candidates']:,} | {passed:,} ({passed / max(1, summary['candidates']):.1%}) | {band} |"
        )
    lines += [line for sentence in curated.about.get("warnings", []) for line in ("", f"**Warning: {sentence}.**")]
    return lines


def _coverage(groups: list[dict[str, Any]], classes: list[str], space: str | None) -> list[str]:
    """Return how well the chosen cover the candidates; groups as ``Pipeline.coverage`` has them."""
    if not groups:
        return []
    lines = [
        "",
        f"Chosen for coverage{f' in {space}' if space else ''}, {groups[0]['guarantee']}:",
        "",
        "| family | class | chosen | of | within the radius of a chosen one | at random | radius |",
        "|---|---|---|---|---|---|---|",
    ]
    for group in groups:
        label = "all" if group["label"] is None else classes[group["label"]].replace("|", "/")
        lines.append(
            f"| {_WORDS[group['family']]} | {label} | {group['chosen']:,} | {group['offered']:,} "
            f"| {group['curve'][-1]:.1%} | {group['by_chance'][-1]:.1%} | {group['radius']:.4g} |"
        )
    return lines


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1%}"
