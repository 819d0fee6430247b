"""The whole story of a recipe on its workspace: its steps in the presenter's order, and how to make the set again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from curation.errors import CurationError
from curation.pipeline.plan import Plan
from curation.plugin import fingerprint
from curation.presentation.glossary import GLOSSARY
from curation.presentation.settings import StepName
from curation.presentation.step import Missing, Told
from curation.presentation.steps import TELLERS
from curation.presentation.subject import Subject


@dataclass(frozen=True)
class Step:
    """A step: what it tells, or why it cannot; words: the presenter's own; explained: terms that first stand here."""

    name: StepName
    title: str
    words: str
    told: Told | Missing
    explained: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Again:
    """What makes the set again: the recipe as YAML, checksums by what they are of, commands."""

    recipe: str
    checksums: Sequence[tuple[str, str]]
    commands: Sequence[str]


@dataclass(frozen=True)
class Story:
    """A title, steps, and what makes the set again."""

    title: str
    steps: Sequence[Step]
    again: Again


def story(it: Subject) -> Story:
    """Tell of a subject. A step that cannot be told says what to run; nothing is computed for it."""
    steps: list[Step] = []
    known: set[str] = set()
    for part in it.settings.shown:
        title, tell = TELLERS[part.step]
        try:
            told: Told | Missing = tell(it)
        except CurationError as error:
            sentence = it.say(str(error))
            told = Missing(f"{sentence[:1].upper()}{sentence[1:]}.", it.command("run"))
        terms = [term for term in (told.terms if isinstance(told, Told) else ()) if term not in known]
        known.update(terms)
        steps.append(Step(part.step, title, part.words, told, [(term, GLOSSARY[term]) for term in terms]))
    return Story(it.settings.title or it.name, steps, _again(it))


def _again(it: Subject) -> Again:
    recipe = it.redaction.document(it.recipe.to_dict()) | {"name": it.name}
    text = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, width=88)
    folder = "exports/set" if it.redaction.no_files else f"exports/{it.pipeline.workspace.name}"
    place = "cache/set" if it.redaction.no_files else f"cache/{it.pipeline.workspace.name}"
    commands = [f"curation run recipe.yaml --workspace {place} --out {folder}", f"curation verify {folder}"]
    return Again(text, _checksums(it), commands)


def _checksums(it: Subject) -> list[tuple[str, str]]:
    """Return what tells whether another machine has the same source, goal model, recipe and choice."""
    plan: Plan = it.pipeline.plan
    found = [("recipe", it.recipe.fingerprint()), ("images and labels of the source", it.samples.content)]
    try:
        found.append(("weights of the goal model", plan.model_digest))
        chosen = [it.selected.candidate_ids.tolist(), it.selected.labels.tolist()]
        found.append(("chosen images and their labels", fingerprint(chosen)))
    except CurationError:  # not computed yet, as the steps say
        pass
    return found
