"""What a search may change in a recipe, as named numbers and choices, and back from those to a selection that fits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from curation.errors import CurationError, UsageError
from curation.recipe import Recipe, guides
from curation.recipe.strength import OWN
from curation.selection import SELECTORS
from curation.selection.mix import quotas
from curation.selection.pool import CODE_BITS, FAMILIES, variant_code
from curation.selection.select import Selected, select
from curation.selection.settings import Mix, Selection
from curation.tuning.settings import Tuning

Span = tuple[float, float] | tuple[int, int] | tuple[str, ...]
"""What a parameter may be: between two floats or two integers, both included, or one of some names."""

PARTS = 20
"""The mix is searched in whole parts, 0 … 20 of each family."""

GRID = 1e4
"""Edges of the band are searched and written in steps of a hundredth of a per cent."""

_EASINGS = 12


def space_of(recipe: Recipe, settings: Tuning, counts: Mapping[str, int]) -> dict[str, Span]:
    """Return the parameters by name, in the order in which they are drawn.

    ``goal_model`` (``strength.OWN`` or words); ``strategy``; ``mix_<family>``; ``severity_from`` and ``severity_to``
    (positions in the recipe's severities); ``offset_<family>`` (rank share); ``width_<family>`` (of the band: 0 just
    holds the quota, 1 reaches the easiest).

    Args: counts: candidates of each family; families without any are left out.
    Raises: UsageError when nothing can be searched, or what is searched would be ignored.
    """
    families = [family for family in FAMILIES if counts.get(family)]
    selection, wanted = recipe.selection, set(settings.search)
    if "strategy" not in wanted and SELECTORS[selection.strategy].follows:
        raise UsageError(
            f"strategy {selection.strategy} is computed again for every mix and band, which is too slow for a search; "
            "search strategy too, or start from a recipe with strategy boundary"
        )
    banded = "strategy" in wanted or is_banded(selection, {})
    if not banded and wanted & {"offset", "floor"}:
        raise UsageError(
            f"strategy {selection.strategy} ignores offset and floor; search strategy too, or start from a recipe with "
            "strategy boundary"
        )
    if selection.offset_by == "score" and len(wanted & {"offset", "floor"}) == 1:
        raise UsageError(
            "offsets and floors are searched as rank shares, and this recipe's are scores; search both offset and "
            "floor, or set selection.offset_by to rank"
        )
    found: dict[str, Span] = {}
    guided_by = tuple(guides(recipe, settings.goal_models))
    if len(guided_by) > 1:
        found["goal_model"] = guided_by
    if "strategy" in wanted:
        found["strategy"] = tuple(selector.name for selector in SELECTORS if selector.follows is None)
    if "mix" in wanted and len(families) > 1:
        found |= {f"mix_{family}": (0, PARTS) for family in families}
    severities = severities_of(recipe)
    if "severity" in wanted and len(severities) > 1:
        found |= dict.fromkeys(("severity_from", "severity_to"), (0, len(severities) - 1))
    for name, words in (("offset", "offset"), ("floor", "width")):
        if name in wanted:
            found |= {f"{words}_{family}": (0.0, 0.99 if name == "offset" else 1.0) for family in families}
    if not found:
        asked = [*settings.search, *(["goal_models"] if settings.goal_models else [])]
        raise UsageError(f"there is nothing to search in {', '.join(asked)} of this recipe's candidates")
    return found


def severities_of(recipe: Recipe) -> list[int]:
    """Return the severities that a search may leave out: those that the recipe does not write at a kind."""
    asked = recipe.variants.corruption
    own = asked is not None and all("/" in kind for kind in asked.kinds)
    return [] if asked is None or own else asked.severities


def is_banded(selection: Selection, parameters: Mapping[str, Any]) -> bool:
    """Whether edges of the band matter to the strategy in the parameters, or (where it is not searched) to its own."""
    strategy = parameters.get("strategy", selection.strategy)
    own = selection.within if strategy == selection.strategy else None
    return (own or SELECTORS[strategy].within) == "boundary"


def severities_in(recipe: Recipe, parameters: Mapping[str, Any]) -> list[int]:
    """Return the severities that parameters leave; the two ends may be in any order."""
    ends = sorted(parameters[name] for name in ("severity_from", "severity_to") if name in parameters)
    severities = severities_of(recipe)
    return severities[ends[0] : ends[1] + 1] if ends else severities


def candidates_in(pool: pd.DataFrame, recipe: Recipe, severities: list[int]) -> np.ndarray:
    """Return bool N: the rows of the pool that stay candidates when the corruptions have only these severities."""
    asked = recipe.variants.corruption
    if asked is None or severities == asked.severities:
        return np.ones(len(pool), dtype=bool)
    left = asked.model_copy(update={"severities": severities}).members()
    out = [variant_code(member.name, member.severity) for member in asked.members() if member not in left]
    return np.isin(pool["candidate_id"].to_numpy() & (1 << CODE_BITS) - 1, out, invert=True)


def parameters_of(recipe: Recipe, space: Mapping[str, Span], counts: Mapping[str, int]) -> dict[str, Any]:
    """Return the parameters that come closest to a recipe as it is; of edges that are scores none of its selection."""
    selection, own = recipe.selection, {"goal_model": OWN} if "goal_model" in space else {}
    if selection.offset_by == "score":
        return own
    wanted, largest = quotas(selection.mix, selection.budget), max(selection.mix.model_dump().values())
    found: dict[str, Any] = {
        **own,
        "strategy": selection.strategy,
        "severity_from": 0,
        "severity_to": len(severities_of(recipe)) - 1,
    }
    for family in FAMILIES:
        offset, floor = selection.offset.of(family) or 0.0, selection.floor.of(family)
        narrow = offset + wanted[family] / max(counts.get(family, 0), 1)
        spare = max(1 - narrow, 1e-9)
        found[f"mix_{family}"] = round(PARTS * selection.mix.of(family) / largest)
        found[f"offset_{family}"] = min(offset, 0.99)
        found[f"width_{family}"] = 0.0 if floor is None else min(max((floor - narrow) / spare, 0.0), 1.0)
    return {
        name: value for name, value in found.items() if name in space and (name != "strategy" or value in space[name])
    }


def selection_of(parameters: Mapping[str, Any], selection: Selection, counts: Mapping[str, int]) -> Selection:
    """Return a selection with the parameters' strategy, mix, offsets and floors; edges are drawn in to hold the quotas.

    A floor that is not searched keeps its distance to the offset.
    """
    shares = {family: parameters.get(f"mix_{family}", 0) for family in FAMILIES}
    mix = Mix.model_validate(shares) if any(shares.values()) else selection.mix
    changes: dict[str, Any] = {"mix": mix.model_dump(), "strategy": parameters.get("strategy", selection.strategy)}
    if changes["strategy"] != selection.strategy:
        changes["within"] = None
    if any(name.startswith(("offset_", "width_")) for name in parameters):
        wanted = quotas(mix, selection.budget)
        edges = {
            family: _edges(family, parameters, selection, wanted[family] / max(counts.get(family, 0), 1))
            for family in FAMILIES
        }
        changes["offset_by"] = "rank"
        changes["offset"] = {family: offset for family, (offset, _) in edges.items()}
        changes["floor"] = {family: floor for family, (_, floor) in edges.items()}
    return Selection.model_validate({**selection.model_dump(), **changes})


def _edges(family: str, parameters: Mapping[str, Any], selection: Selection, need: float) -> tuple[float, float | None]:
    """Return a family's offset and floor, in rank shares, with a share ``need`` of its candidates between them."""
    old, floor = selection.offset.of(family) or 0.0, selection.floor.of(family)
    if not 0 < need < 1:
        return 0.0, None
    offset = math.floor(min(parameters.get(f"offset_{family}", old), 1 - need) * GRID) / GRID
    width = parameters.get(f"width_{family}")
    if width is not None:
        floor = offset + need + width * (1 - offset - need) if width else None
    elif floor is not None:
        floor = max(offset + floor - old, offset + need)
    return offset, None if floor is None else min(math.ceil(floor * GRID) / GRID, 1.0)


def fitted(selection: Selection, pool: pd.DataFrame, *, seed: int, classes: int) -> tuple[Selection, Selected]:
    """Return the selection, eased where a family would be short, and what it chooses; the budget stays.

    A short family's offset is lowered as far as it must; where that does not help, its floor goes to the easiest;
    where that does not help, it gives all it has, and the others take over the rest in their proportions.
    Raises: CurationError when there are too few candidates for the budget whatever the mix; UsageError for edits that
        do not fit the quotas.
    """
    mix, limits = selection.mix, dict[str, int]()
    for _ in range(_EASINGS):
        found = select(pool, selection, seed=seed, classes=classes)
        if not found.shortages:
            return selection, found
        offsets, floors = selection.offset.model_dump(), selection.floor.model_dump()
        for shortage in found.shortages:
            name, better = shortage.family, _eased(shortage.fits_offset, offsets[shortage.family], selection.offset_by)
            if better is not None:
                offsets[name] = better
            elif floors[name] not in (None, 1.0) and selection.within_of(name) == "boundary":
                floors[name] = 1.0 if selection.offset_by == "rank" else None
            else:
                there = shortage.available
                limits[name] = there if shortage.label is None else there * classes
        changes = {"offset": offsets, "floor": floors, "mix": _limited(mix, limits, selection.budget)}
        selection = Selection.model_validate({**selection.model_dump(), **changes})
    raise CurationError(found.shortages[0].sentence)


def _eased(fits: float | None, offset: float | None, unit: str) -> float | None:
    """Return the offset with which a family would not be short, where that lets more in than the one it has."""
    if fits is None or offset is None:
        return None
    if unit == "score":
        higher = math.ceil(fits * GRID) / GRID
        return higher if higher > offset else None
    lower = math.floor(fits * GRID) / GRID
    return lower if lower < offset else None


def _limited(mix: Mix, limits: Mapping[str, int], budget: int) -> dict[str, float]:
    """Return a mix in which some families give so many images, and the others the rest in their proportions."""
    rest = budget - sum(limits.values())
    others = {family: mix.of(family) for family in FAMILIES if family not in limits}
    if not limits:
        return others
    if not rest:
        return {**dict.fromkeys(others, 0), **limits}
    if not others:
        raise CurationError(
            f"there are {budget - rest:,} candidates for a budget of {budget:,}; lower it, or make more variants"
        )
    weights = others if any(others.values()) else dict.fromkeys(others, 1.0)
    return {**quotas(Mix(**weights), rest), **limits}
