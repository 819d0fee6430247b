"""Take the README's pictures: `python -m benchmarks.screenshots`; given a folder, all pages, wide, narrow and dark."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.browser import ROOT, Visit, chromium, dashboard

PAGES = {
    "workspace": ("workspace?w=demo", "Goal model"),
    "boundary": ("boundary?w=demo&family=Adversarial", "Chosen"),
    "map": ("map?w=demo", "hardest first"),
    "map-clusters": ("map?w=demo&map-view=Clusters", "most common label"),
    "map-similar": ("map?w=demo&map-view=Similar&sample=8", "Similar"),
    "labels": ("labels?w=demo", "decided"),
    "labels-overview": ("labels?w=demo&look-at=Overview", "looks like"),
    "variants": ("variants?w=demo&sample=8", "Entropy by severity"),
    "variants-live": ("variants?w=demo&sample=8&view=Live+attack", "pass by pass"),
    "variants-across": ("variants?w=demo&view=Across+samples", "of 4,000 images"),
    "variants-effect": ("variants?w=demo&view=Effect", "Success rate by class"),
    "variants-database": ("variants?w=demo&view=Database", "for this goal model"),
    "mix": ("mix?w=demo", "Compared with the last saved recipe"),
    "compare": ("compare?w=demo&d=%7B%22selection.offset%22%3A0.1%7D", "images are in both sets"),
    "evaluate": ("evaluate?w=demo", "reaches robustness R"),
    "evaluate-errors": ("evaluate?w=demo&look=Errors&image=500", "Prediction of"),
    "evaluate-steps": ("evaluate?w=demo&look=Step+by+step", "Published"),
    "evaluate-goal-models": ("evaluate?w=demo&look=Goal+models", "Train more"),
    "evaluate-tune": ("evaluate?w=demo&look=Tune", "R by mix"),
    "evaluate-noise": ("evaluate?w=demo&look=Noise", "Noise in the images"),
    "present": ("present?w=demo&step=boundary", "From sure to undecided"),
    "export": ("export?w=demo", "Load it in Python"),
}


OURS = ROOT / "docs" / "pictures"


def main(out: Path) -> None:
    """Compute the demo where it is missing, then visit every page, or those whose picture the README shows."""
    shown = set(re.findall(r"docs/pictures/([a-z-]+)\.png", (ROOT / "README.md").read_text()))
    pages = {name: page for name, page in PAGES.items() if out != OURS or name in shown}
    demo, exported = ["recipes/demo.yaml", "-w", "cache/demo"], str(Path(tempfile.mkdtemp()) / "demo")
    for command in (
        ["demo", "--no-dashboard"],
        ["run", *demo, "--overwrite", "--out", exported],
        ["variants", *demo, "--attack", "apgd epsilon=0.1", "--attack", "deepfool"],
        ["evaluate", *demo, "--settings", "evaluations/demo.yaml"],
        ["tune", *demo, "--settings", "evaluations/demo.yaml", "--trials", "16", "--samples", "150"],
        ["labels", *demo],  # last: what the dashboard opens has them
    ):
        subprocess.run([sys.executable, "-m", "curation.cli", *command], cwd=ROOT, check=True)
    out.mkdir(parents=True, exist_ok=True)
    log = Path(tempfile.mkdtemp()) / "server.log"
    with dashboard(ROOT / "cache", log=log) as address, chromium() as browser:
        for dark in (False, True)[: 1 if out == OURS else 2]:
            for width, height in ((1440, 900), (390, 844))[: 1 if out == OURS else 2]:
                visit = Visit(browser, address, width_px=width, height_px=height, dark=dark)
                for name, (path, expect) in pages.items():
                    visit.open(path, expect=expect)
                    visit.page.wait_for_timeout(1200)
                    suffix = ("" if width > 1000 else "-narrow") + ("-dark" if dark else "")
                    visit.page.screenshot(path=out / f"{name}{suffix}.png", full_page=False)
                for complaint in visit.complaints:
                    print("console:", complaint)
                visit.context.close()
    print("server log:", log.read_text() or "(empty)")
    print("pictures in", out)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else OURS)
