"""What the boundary is worth, and when: the hardest candidates, those below an offset and a draw, as one thing varies.

Digits, 2,000 samples with six copies each, mix 9 : 6 : 10: by budget (the share of the adversarial candidates that is
taken; the offset passes over half of the others), and at one budget by the goal model's strength and architecture, with
wrong labels, and with classes balanced. Each setting has its own draw and its own differences to it. Source of the
claim: Wang & Fang 2022, table 1.
"""

from __future__ import annotations

from typing import Any

from benchmarks import reproduce_relatives
from curation.evaluation.evaluate import evaluate
from curation.evaluation.metrics import gain
from curation.evaluation.settings import Evaluation
from curation.progress import Report
from curation.recipe import Recipe
from curation.storage.workspace import Workspace

ADVERSARIAL = 2000
SHARES = (0.05, 0.2, 0.5, 0.8)
USUAL = 0.2
"""Share of the adversarial candidates that is taken where something else varies."""


def taking(share: float) -> dict[str, Any]:
    """Return the recipe's budget and offset for a share of the adversarial candidates, of which the mix takes .4."""
    return {"selection.budget": round(ADVERSARIAL * share / 0.4), "selection.offset": round((1 - share) / 2, 3)}


def settings() -> dict[str, dict[str, Any]]:
    """Return what varies, by its name in the table: changes of the recipe."""
    robust = {"preset": "fast", "epochs": 12, "flip": False, "method": "adversarial", "epsilon": "0.05", "steps": 3}
    balanced = {"clean": True, "corruption": True, "adversarial": True}
    usual = taking(USUAL)
    return {
        **{f"{share:.0%} of the adversarial copies": taking(share) for share in SHARES},
        "goal model of 1 epoch": {**usual, "goal_model.epoch": 1},
        "goal model trained on attacks": {**usual, "goal_model.train": robust},
        "goal model of another architecture": {**usual, "goal_model.architecture": "resnet20"},
        ".2 of the labels wrong": {**usual, "source.noise": {"share": 0.2}},
        "classes balanced": {**usual, "selection.class_balance": balanced},
    }


def boundary(seeds: int, workspace: Workspace, report: Report) -> None:
    """Print a row a setting: R of the draw, and what the hardest and those below the offset are over it."""
    base = reproduce_relatives.recipes()["random"].with_changes(**{"goal_model.early_epochs": []})
    asked = reproduce_relatives.evaluation(seeds)
    print("| what varies | at random: R | hardest, over random [95 %] | offset, over random [95 %] |")
    print("|---|---|---|---|")
    for number, (title, changes) in enumerate(settings().items()):
        sets: dict[str, dict[str, Any]] = {
            "random": {"selection.strategy": "random"},
            "no-offset": {"selection.strategy": "boundary", "selection.offset": 0},
            "offset": {"selection.strategy": "boundary"},
        }
        recipes = {name: base.with_changes(**{"name": name, **changes, **own}) for name, own in sets.items()}
        print(_row(title, recipes, asked, workspace, f"boundary-{number}", report), flush=True)


def _row(
    title: str, recipes: dict[str, Recipe], asked: Evaluation, workspace: Workspace, name: str, report: Report
) -> str:
    results = evaluate(recipes, asked, workspace, name=name, replace=True, report=report)
    table = results.leaderboard().set_index("set")
    cells = []
    for other in ("no-offset", "offset"):
        found = gain(*results.paired(other, "random"))["R"]
        cells.append(f"{100 * found.value:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}]")
    row = table.loc["random"]
    return f"| {title} | {100 * row['R']:.1f} ± {100 * row['R_spread']:.1f} | {' | '.join(cells)} |"
