"""The terms of a story in plain English. A step names those it uses; each is explained where it first stands."""

from __future__ import annotations

GLOSSARY: dict[str, str] = {
    "Budget": "how many images the training set may hold.",
    "Clean image": "an image as it came, unchanged.",
    "Corrupted copy": "the same image after fog, noise, blur or the like, as weather and cameras do it.",
    "Adversarial copy": "the same image, changed on purpose and only slightly, so that a network gets it wrong.",
    "Candidate": "any image that could enter the set: a clean one or a copy of it.",
    "Goal model": "a network trained beforehand. It is only used to tell which images are hard, and is not the result.",
    "Uncertainty": "how undecided the goal model is about an image. 0\u00a0%: it is sure of one class; 100\u00a0%: "
    "every class seems equally likely. (Its entropy, as a share of the largest possible one.)",
    "Boundary": "where one class turns into another for the goal model, so that it is undecided.",
    "Too hard": "images so uncertain that they are often mislabeled or beyond recognition; a share of them is skipped.",
    "Baseline": "a set of the same number of images that is chosen by a simpler rule, to compare with.",
    "Target": "a fresh network, trained on one set alone, that shows how good this set is.",
    "Robustness R": "the mean of three accuracies on test images that no set contains: clean, corrupted and "
    "adversarial ones.",
    "95 % interval": "where the true value is likely to be, given how few test images and trainings there were. If a "
    "difference's interval holds 0, there may be no difference at all.",
}
