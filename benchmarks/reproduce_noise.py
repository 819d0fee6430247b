"""The survey's experiment on noise prediction again: errors of the inputs, and losses as released and compared fairly.

See ``curation.analysis.noise_prediction``.
"""

from __future__ import annotations

from curation.analysis import noise_prediction as analysis
from curation.analysis.noise_prediction import CASES, Between


def noise(seeds: int) -> None:
    """Print both tables beside the claim."""
    print("\n## Error of the inputs (rms, in units of x): expected; smallest and largest of single draws of 15")
    print("| noise | predicted | noisy | a draw subtracted | the mean subtracted |")
    print("|---|---|---|---|---|")
    for case in CASES:
        drawn, expected = analysis.measured_errors(case, seeds), analysis.expected_errors(case)
        cells = [
            f"{value:.3f} ({low:.2f}–{high:.2f})"
            for value, low, high in zip(expected, drawn.min(0), drawn.max(0), strict=True)
        ]
        print(f"| {_noise(case.mean, case.sd)} | {_noise(case.learned_mean, case.learned_sd)} | {' | '.join(cells)} |")
    print(
        "\n## Loss over all steps, as a multiple of that with the noisy inputs from the first weights [95 % over seeds]"
    )
    print("Claimed: below 1, the loss falls faster after removal.\n")
    names = ("released", "control", "draw", "mean")
    titles = ("as released: trained on, draw subtracted", "trained on, nothing subtracted", "fair: draw", "fair: mean")
    print(f"| noise | {' | '.join(titles)} | on clean inputs, fair: draw | on clean inputs, fair: mean |")
    print("|---|---|---|---|---|---|---|")
    for case in CASES:
        it = analysis.experiment(case, seeds=seeds)
        cells = [_between(analysis.ratio(it.training, name)) for name in names]
        cells += [_between(analysis.ratio(it.test, name)) for name in ("draw", "mean")]
        print(f"| {_noise(case.mean, case.sd)} | {' | '.join(cells)} |", flush=True)


def _noise(mean: float, deviation: float) -> str:
    return f"N({mean:g}, {deviation:g})"


def _between(it: Between) -> str:
    return f"{it.value:.2f} [{it.low:.2f}, {it.high:.2f}]"
