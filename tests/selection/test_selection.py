"""Selection: quotas, the hardness band, edits and shortages, against a plain reference and under random settings."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from curation.errors import CurationError, UsageError
from curation.plugin import explain
from curation.selection import SELECTORS
from curation.selection.band import ranking
from curation.selection.base import Group
from curation.selection.coverage_run import CoverageRun
from curation.selection.family import family_of
from curation.selection.mix import class_parts, quotas
from curation.selection.order import hardest_first
from curation.selection.pool import FAMILIES, build_pool, candidate_name, parse_candidate, variant_code
from curation.selection.select import Selected, difference, select
from curation.selection.settings import Mix, Selection

CLASSES = 3
KINDS = """gaussian_noise shot_noise impulse_noise defocus_blur glass_blur motion_blur zoom_blur snow frost fog
brightness contrast elastic_transform pixelate jpeg_compression speckle_noise gaussian_blur spatter saturate
fgsm bim mim pgd apgd apgd_targeted deepfool carlini_wagner square gaussian style_transfer transfer""".split()


def make_pool(samples: int = 40, kinds: int = 3, seed: int = 0, levels: int = 0) -> pd.DataFrame:
    """Samples with sparse ids; ``levels``: round the scores so that many are equal."""
    random = np.random.default_rng(seed)

    def scores() -> pd.DataFrame:
        unit = random.random(samples).astype(np.float32)
        unit = np.round(unit * levels) / np.float32(levels) if levels else unit
        return pd.DataFrame(
            {"prediction": np.zeros(samples, np.int32), "entropy": unit, "gini": unit**2, "margin": 1 - unit}
        )

    ids = np.sort(random.choice(10 * samples, samples, replace=False))
    parts = [("clean", "clean", 0, scores()), ("adversarial", "pgd", 0, scores())]
    parts += [("corruption", kind, severity, scores()) for kind in KINDS[:kinds] for severity in (1, 4)]
    return build_pool(ids, random.integers(0, CLASSES, samples), parts)


def names(pool: pd.DataFrame, rows: Any) -> list[str]:
    picked = pool.iloc[rows]
    return [
        candidate_name(int(sample), str(kind), int(severity))
        for sample, kind, severity in zip(picked["sample_id"], picked["kind"], picked["severity"], strict=True)
    ]


PLACES = np.random.default_rng(0).normal(size=(997, 4)).astype(np.float32)
"""Where candidates lie for the coverage strategies, by their ids."""


def parsed(**fields: Any) -> Selection:
    """Settings as a recipe writes them."""
    return Selection.model_validate(fields)


def run(pool: pd.DataFrame, seed: int = 0, **fields: Any) -> Selected:
    settings = parsed(**fields)
    ids = pool["candidate_id"].to_numpy()
    coverage_run = CoverageRun(lambda rows: PLACES[ids[rows] % len(PLACES)], settings.coverage, total=settings.budget)
    return select(pool, settings, seed=seed, classes=CLASSES, coverage_run=coverage_run)


# Names and ids


def test_candidate_ids_are_stable_and_do_not_collide() -> None:
    codes = {variant_code(kind, severity) for kind in KINDS for severity in range(6)} | {variant_code("clean", 0)}
    assert len(codes) == 6 * len(KINDS) + 1
    assert parse_candidate("17/fog/3").id == 17 * 2**20 + 34964 * 16 + 3  # a recipe written today is read tomorrow
    assert parse_candidate(17).id == 17 * 2**20
    assert parse_candidate(f"{2**33 - 1}/pgd").id < 2**53


@given(st.integers(0, 2**33 - 1), st.sampled_from(["clean", *KINDS]), st.integers(0, 15))
def test_names_are_read_back(sample_id: int, kind: str, severity: int) -> None:
    severity = 0 if kind == "clean" else severity
    assert parse_candidate(candidate_name(sample_id, kind, severity)) == (sample_id, kind, severity)


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "1/", "1/fog/", "1/fog/16", "1/fog/0", "1/fog/2/3", "1/clean", "1.5", "²"]
)
def test_a_wrong_name_is_shown_the_right_forms(text: str) -> None:
    with pytest.raises(UsageError, match=r"write 17 \(clean\), 17/fog/3"):
        parse_candidate(text)


def test_pool_has_every_candidate_once_by_family_and_id() -> None:
    pool = make_pool(samples=5, kinds=2)
    assert list(pool["family"].unique()) == list(FAMILIES)
    assert len(pool) == 5 * (1 + 4 + 1) == pool["candidate_id"].nunique()
    for _, part in pool.groupby("family", observed=True):
        assert part["candidate_id"].is_monotonic_increasing
    assert [parse_candidate(name).id for name in names(pool, slice(None))] == pool["candidate_id"].tolist()
    types = {name: str(kind) for name, kind in pool.dtypes.items() if kind != "category"}
    assert types == {
        "candidate_id": "int64", "sample_id": "int64", "severity": "int8", "label": "int32",
        "prediction": "int32", "entropy": "float32", "gini": "float32", "margin": "float32",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ([("clean", "clean", 0, 3), ("corruption", "fog", 1, 2)], "fog at severity 1: 2 rows of scores for 3 samples"),
        ([("corruption", "fog", 1, 3), ("corruption", "fog", 1, 3)], "given twice"),
        ([("blurred", "fog", 1, 3)], "family must be one of clean, corruption, adversarial, got 'blurred'"),
        ([], "no candidates"),
    ],
)
def test_a_wrong_pool_is_a_sentence(parts: list[tuple[str, str, int, int]], sentence: str) -> None:
    tables = [(f, k, s, pd.DataFrame({"entropy": np.zeros(rows, np.float32)})) for f, k, s, rows in parts]
    with pytest.raises(CurationError, match=sentence):
        build_pool(np.arange(3), np.zeros(3, int), tables)


# Quotas


@given(st.tuples(*[st.floats(0, 1e6) | st.integers(0, 20)] * 3).filter(lambda mix: sum(mix) > 0), st.integers(1, 10**9))
@settings(deadline=None)
def test_quotas_sum_to_the_budget_and_are_within_one_of_their_share(mix: tuple[float, ...], budget: int) -> None:
    found = quotas(Mix.model_validate(mix), budget)
    assert sum(found.values()) == budget
    for family, share in zip(FAMILIES, mix, strict=True):
        assert abs(found[family] - share / sum(mix) * budget) < 1 + 1e-6 * budget


def test_quotas_of_the_contest_and_of_ties() -> None:
    assert quotas(Mix(clean=9, corruption=6, adversarial=10), 50_000) == {
        "clean": 18_000, "corruption": 12_000, "adversarial": 20_000,
    }  # fmt: skip
    assert list(quotas(Mix(clean=1, corruption=1, adversarial=1), 5).values()) == [2, 2, 1]


@given(st.lists(st.integers(0, 20), min_size=1, max_size=8), st.integers(0, 200), st.integers(0, 255))
def test_class_parts_are_equal_but_for_what_is_forced(forced: list[int], more: int, some: int) -> None:
    among = np.array([count > 0 or some >> at & 1 > 0 for at, count in enumerate(forced)])
    among[0] |= not among.any()
    parts = class_parts(sum(forced) + more, np.array(forced), among)
    assert parts.sum() == sum(forced) + more
    assert (parts >= forced).all()
    assert not parts[~among].any()
    free = parts[parts > forced]
    assert not len(free) or free.max() <= parts[among].min() + 1


# The whole, against a plain reference


def reference(pool: pd.DataFrame, fields: dict[str, Any]) -> set[int]:
    """Boundary selection without a floor as one would write it in pandas, one candidate after the other."""
    it = parsed(**fields)
    used: set[int] = set()
    found: set[int] = set()
    wanted = quotas(it.mix, it.budget)
    hard = {"entropy": pool["entropy"], "gini": pool["gini"], "margin": 1 - pool["margin"]}[it.score]
    table = pool.assign(hard=hard).sort_values(["hard", "candidate_id"], ascending=[False, True])
    for family in ("clean", "adversarial", "corruption"):
        mine = table[table["family"] == family]
        if it.variants_per_sample == "hardest":
            mine = mine.drop_duplicates("sample_id")
        balanced = it.class_balance.of(family)
        groups = [mine[mine["label"] == k] for k in range(CLASSES)] if balanced else [mine]
        there = np.array([len(group) > 0 for group in groups])
        parts = class_parts(wanted[family], np.zeros(CLASSES, int), there) if balanced else [wanted[family]]
        taken_here: set[int] = set()
        for group, part in zip(groups, parts, strict=True):
            left = part
            passed = round((it.offset.of(family) or 0) * len(group))
            if it.offset_by == "score":
                passed = int((group["hard"] > (it.offset.of(family) or 0)).sum())
            for candidate_id in group["candidate_id"].tolist()[passed:]:
                sample_id = candidate_id >> 20
                barred = it.variants_per_sample == "one" and sample_id in used
                if left and not barred:
                    taken_here.add(candidate_id)
                    left -= 1
                    used.add(sample_id)
        found |= taken_here
    return found


@settings(deadline=None, max_examples=80)
@given(
    seed=st.integers(0, 5),
    levels=st.sampled_from([0, 4]),
    budget=st.integers(1, 120),
    mix=st.sampled_from([[9, 6, 10], [1, 0, 0], [0, 4, 1], [1, 1, 1]]),
    offset=st.sampled_from([0, 0.05, 0.5, 0.93]),
    by=st.sampled_from(["rank", "score"]),
    score=st.sampled_from(["entropy", "gini", "margin"]),
    balance=st.sampled_from([False, True, {"clean": True}]),
    per_sample=st.sampled_from(["all", "one", "hardest"]),
    large=st.booleans(),
)
def test_selection_is_what_a_plain_loop_finds(
    seed: int,
    levels: int,
    budget: int,
    mix: Any,
    offset: float,
    by: str,
    score: str,
    balance: Any,
    per_sample: str,
    large: bool,
) -> None:
    pool = make_pool(samples=25, kinds=2, seed=seed, levels=levels)
    fields = {
        "budget": budget, "mix": mix, "offset": offset, "offset_by": by, "score": score,
        "class_balance": balance, "variants_per_sample": per_sample,
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        if large:  # as if there were many candidates and classes
            patch.setattr("curation.selection.order._AT_ONCE", 7)
            patch.setattr("curation.selection.order._MANY", 1)
            patch.setattr("curation.selection.select._FEW", 0)
        found = run(pool, **fields)
    assert set(found.candidate_ids.tolist()) == reference(pool, fields)
    assert bool(found.shortages) == (len(found.pool_rows) < budget)


# Invariants under any settings


@st.composite
def anything(draw: st.DrawFn) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A pool and settings with edits that fit it."""
    pool = make_pool(samples=30, kinds=2, seed=draw(st.integers(0, 3)), levels=draw(st.sampled_from([0, 3])))
    pool["self_correction"] = np.arange(len(pool), dtype=np.uint32)[::-1]
    offset = draw(st.floats(0, 0.9))
    floor = draw(st.none() | st.floats(0.01, 1)) if offset < 0.5 else None
    touched = draw(st.lists(st.integers(0, len(pool) - 1), max_size=8, unique=True))
    half = len(touched) // 2
    gone = {name for name in names(pool, touched[half:]) if "/" not in name}
    kept = [name for name in names(pool, touched[:half]) if name.split("/")[0] not in gone]
    budget = draw(st.integers(30, 150))
    fields = {
        "budget": budget,
        "mix": draw(st.sampled_from([[9, 6, 10], [1, 2, 1], [1, 1, 1]])),
        "strategy": draw(st.sampled_from(["boundary", "random", "facility_location", "k_center"])),
        "offset": offset,
        "floor": None if floor is None else min(1, offset + floor),
        "class_balance": draw(st.booleans()),
        "variants_per_sample": draw(st.sampled_from(["all", "one", "hardest"])),
        "edits": {
            "include": kept,
            "exclude": names(pool, touched[half:]),
            "relabel": {int(pool["sample_id"].iloc[row]): 0 for row in touched[:2]},
        },
    }
    return pool, fields


@settings(deadline=None, max_examples=120)
@given(anything(), st.integers(0, 3))
def test_invariants(case: tuple[pd.DataFrame, dict[str, Any]], seed: int) -> None:
    pool, fields = case
    it = parsed(**fields)
    found = run(pool, seed, **fields)
    chosen = pool.iloc[found.pool_rows].assign(label=found.labels)

    assert len(set(found.pool_rows.tolist())) == len(found.pool_rows)
    assert sum(found.quotas.values()) == it.budget
    codes = chosen["family"].cat.codes.to_numpy()
    assert (np.lexsort((chosen["candidate_id"], codes)) == np.arange(len(chosen))).all()

    listed = set(names(pool, found.pool_rows))
    assert listed >= set(it.edits.include)
    assert not listed & set(it.edits.exclude)
    for sample, label in it.edits.relabel.items():
        assert (chosen.loc[chosen["sample_id"] == sample, "label"] == label).all()

    forced = set(it.edits.include)
    if it.variants_per_sample == "one":
        free = listed - forced
        samples = [name.split("/")[0] for name in free]
        assert len(samples) == len(set(samples))
        assert not set(samples) & {name.split("/")[0] for name in forced}
    if it.strategy == "boundary" and not it.class_balance.clean:
        for family in FAMILIES:
            rows, _ = ranking(pool, family, it)
            offset, floor = it.offset.of(family) or 0, it.floor.of(family)
            start, stop = round(offset * len(rows)), len(rows) if floor is None else round(floor * len(rows))
            outside = set(names(pool, np.concatenate([rows[:start], rows[stop:]])))
            assert not (listed - forced) & outside
    for family, summary in found.families.items():
        short = [shortage for shortage in found.shortages if shortage.family == family]
        assert (summary.chosen < summary.quota) == bool(short)
        if it.class_balance.of(family) and not short and not forced:
            assert max(summary.class_counts) - min(summary.class_counts) <= 1

    shuffled = pool.sample(frac=1, random_state=seed, ignore_index=True)
    again = run(shuffled, seed, **fields)
    assert (again.candidate_ids == found.candidate_ids).all()
    assert (shuffled["candidate_id"].to_numpy()[again.pool_rows] == found.candidate_ids).all()
    assert (again.labels == found.labels).all()


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(anything())
def test_what_a_shortage_offers_fits_and_more_does_not(case: tuple[pd.DataFrame, dict[str, Any]]) -> None:
    pool, fields = case
    fields["edits"] = {}
    for shortage in run(pool, **fields).shortages:
        assert shortage.available < shortage.needed
        assert f"{shortage.needed - shortage.available} short" in shortage.sentence
        if shortage.fits_budget is not None:
            assert not run(pool, **{**fields, "budget": shortage.fits_budget}).shortages
            if fields["variants_per_sample"] != "one":
                assert run(pool, **{**fields, "budget": shortage.fits_budget + 1}).shortages
        if shortage.fits_offset is not None and fields["variants_per_sample"] != "one":
            for offset, enough in ((shortage.fits_offset, True), (shortage.fits_offset + 0.25, False)):
                moved = {**parsed(**fields).offset.model_dump(), shortage.family: min(offset, 0.99)}
                if (fields["floor"] or 1) > offset:
                    left = run(pool, **{**fields, "offset": moved}).shortages
                    assert all(other.family != shortage.family for other in left) == enough
        for field, value, _ in shortage.offers:
            left = run(pool, **{**fields, field.removeprefix("selection."): value}).shortages
            assert all(other.family != shortage.family for other in left)


@settings(deadline=None, max_examples=40)
@given(anything(), st.integers(1, 60), st.floats(0, 0.3))
def test_a_higher_offset_or_budget_never_lessens_a_shortage(
    case: tuple[pd.DataFrame, dict[str, Any]], more: int, shift: float
) -> None:
    pool, fields = case
    fields |= {"edits": {}, "floor": None, "mix": [1, 1, 1], "variants_per_sample": "all"}

    def missing(**changes: Any) -> dict[str, int]:
        return {name: s.quota - s.chosen for name, s in run(pool, **{**fields, **changes}).families.items()}

    now = missing()
    for later in (missing(offset=min(0.99, fields["offset"] + shift)), missing(budget=fields["budget"] + 3 * more)):
        assert all(later[family] >= now[family] for family in FAMILIES)


def test_a_small_move_of_a_slider_changes_little_and_a_draw_grows_by_what_it_had() -> None:
    pool = make_pool(samples=400)
    fields: dict[str, Any] = {"budget": 300, "mix": [1, 1, 1], "offset": 0.1, "floor": 0.9}
    first, moved = run(pool, **fields), run(pool, **{**fields, "offset": 0.11})
    assert len(np.setdiff1d(moved.candidate_ids, first.candidate_ids)) <= 12
    larger = run(pool, **{**fields, "budget": 450})
    assert set(larger.candidate_ids) > set(first.candidate_ids)
    assert set(run(pool, seed=1, **fields).candidate_ids) != set(first.candidate_ids)


def test_a_draw_in_the_band_is_uniform() -> None:
    pool = make_pool(samples=200, kinds=1)
    rows, _ = ranking(pool, "clean", parsed())
    counts = np.zeros(len(pool))
    for seed in range(300):
        counts[run(pool, seed, budget=40, mix=[1, 0, 0], offset=0.1, floor=0.6).pool_rows] += 1
    inside = counts[rows[20:120]]
    assert counts.sum() == inside.sum()
    chi_square = ((inside - 120) ** 2 / (120 * 0.6)).sum()  # hypergeometric: variance 300 · .4 · .6
    assert 55 < chi_square < 160  # 100 degrees of freedom


def test_the_released_offset_takes_exactly_the_lowest_scores() -> None:
    """Offset N − quota, as the winners' code has it, for any N and quota."""
    for samples, quota in itertools.product([7, 99, 1000], [1, 3, 7]):
        pool = make_pool(samples=samples, kinds=0, levels=50)
        found = run(pool, budget=quota, mix=[0, 0, 1], offset=(samples - quota) / samples)
        found.require()
        lowest = pool[pool["family"] == "adversarial"].sort_values(["entropy", "candidate_id"], ascending=[False, True])
        assert set(found.candidate_ids) == set(lowest["candidate_id"].iloc[samples - quota :])


# Bad input


def test_a_short_family_is_never_silently_short() -> None:
    pool = make_pool(samples=40, kinds=1)
    found = run(pool, budget=60, mix=[1, 1, 1], offset={"clean": 0.6})
    (shortage,) = found.shortages
    assert (shortage.family, shortage.label, shortage.needed, shortage.available) == ("clean", None, 20, 16)
    assert (shortage.fits_offset, shortage.fits_budget) == (0.5, 48)
    assert len(found.pool_rows) == 56
    with pytest.raises(CurationError) as caught:
        found.require()
    assert str(caught.value) == (
        "clean: 20 wanted, 16 available, 4 short; lower its offset to 0.5 (50.00%) or lower the budget to 48"
    )
    empty = run(pool[pool["family"] != "adversarial"], budget=3, mix=[1, 1, 1])
    assert "add variants of it or remove it from the mix" in empty.shortages[0].sentence


def test_classes_are_balanced_over_those_that_have_candidates_and_the_others_are_named() -> None:
    pool = make_pool(samples=60)
    names = ["ant", "bee", "cow"]
    found = run(pool[pool["label"] != 2], budget=9, mix=[1, 0, 0], class_balance=True)
    assert not found.shortages
    assert found.families["clean"].class_counts == [5, 4, 0]
    said = ["clean: the class cow has no candidates; the quota is divided equally among the 2 classes that have some"]
    assert found.unbalanced(names) == said
    dropped = pool.loc[(pool["family"] == "clean") & (pool["label"] == 2), "sample_id"].tolist()
    found = run(pool, budget=9, mix=[1, 0, 0], class_balance=True, edits={"drop": dropped})
    assert (found.families["clean"].class_counts, found.unbalanced(names)) == ([5, 4, 0], said)
    assert not run(pool[pool["label"] != 2], budget=9, mix=[1, 0, 0]).unbalanced(names), "not balanced"
    assert not run(pool, budget=9, mix=[1, 1, 0], class_balance=True).unbalanced(names)
    alone = run(pool[pool["label"] == 1], budget=9, mix=[1, 0, 0], class_balance=True)
    assert alone.families["clean"].class_counts == [0, 9, 0]
    assert "2 classes have no candidates (ant, cow); the quota" in alone.unbalanced(names)[0]


def test_a_class_that_has_candidates_but_too_few_is_short() -> None:
    pool = make_pool(samples=60)
    rare = np.flatnonzero((pool["label"] == 2) & (pool["family"] == "clean"))[1:]
    (shortage,) = run(pool.drop(index=pool.index[rare]), budget=9, mix=[1, 0, 0], class_balance=True).shortages
    assert shortage.sentence.startswith("clean, class 2: 3 wanted, 1 available, 2 short; lower the budget to 5")


def test_a_family_without_any_candidates_is_short_however_it_is_balanced() -> None:
    pool = make_pool(samples=60)
    found = run(pool[pool["family"] != "adversarial"], budget=9, mix=[1, 0, 1], class_balance=True)
    assert found.shortages[0].sentence.startswith("adversarial, class 0 and 2 more classes: 2 wanted, 0 available")
    assert not found.unbalanced(["ant", "bee", "cow"])


@pytest.mark.parametrize(
    ("edits", "sentence"),
    [
        ({"include": ["99999"]}, "edits.include: candidate 99999 is not in the pool"),
        ({"exclude": ["{}/fog/5"]}, r"edits.exclude: candidate \d+/fog/5 is not in the pool"),
        ({"relabel": {99999: 0}}, "edits.relabel: sample 99999 is not in the pool"),
        ({"relabel": {"{}": 3}}, r"edits.relabel: the label of sample \d+ must be in \[0, 3\), got 3"),
        ({"include": ["{}/pgd", "{}"]}, "edits.include holds 1 adversarial candidates but their quota is 0"),
    ],
)
def test_edits_that_do_not_fit_the_pool(edits: dict[str, Any], sentence: str) -> None:
    pool = make_pool()
    known = int(pool["sample_id"].iloc[0])
    edits = {
        key: [name.format(known) for name in value]
        if isinstance(value, list)
        else {int(str(k).format(known)): v for k, v in value.items()}
        for key, value in edits.items()
    }
    with pytest.raises(UsageError, match=sentence):
        run(pool, budget=5, mix=[1, 0, 0], edits=edits)


def test_a_broken_pool_is_a_sentence() -> None:
    pool = make_pool()
    broken = pool.copy()
    broken.loc[len(pool) // 2, "entropy"] = np.nan
    name = names(broken, [len(pool) // 2])[0]
    with pytest.raises(CurationError, match=f"the entropy of candidate {name} is not a finite number \\(1 such"):
        run(broken, budget=5)
    with pytest.raises(CurationError, match=r"candidate .* is in the pool twice"):
        run(pd.concat([pool, pool.iloc[3:4]]), budget=5)
    with pytest.raises(CurationError, match="no column 'gini'"):
        run(pool.drop(columns="gini"), budget=5, score="gini")
    with pytest.raises(CurationError, match=r"labels must be in \[0, 2\)"):
        select(pool, parsed(budget=5), seed=0, classes=2)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"budget": 0}, "budget: .*greater than or equal to 1"),
        ({"mix": [0, 0, 0]}, "at least one of clean, corruption and adversarial must be above 0"),
        ({"mix": [1, -1, 0]}, "mix.corruption: .*greater than or equal to 0"),
        ({"mix": 32770}, r"write it as \[9, 6, 10\]"),
        ({"mix": [1, 2]}, r"write it as \[9, 6, 10\]"),
        ({"offset": 1}, r"offset: clean must be a rank share in \[0, 1\)"),
        ({"offset": 0.5, "floor": {"clean": 0.5}}, r"floor: clean must be a rank share past the offset, in \(0.5, 1\]"),
        ({"offset_by": "score", "offset": 1.5, "floor": 1.5}, "floor: clean must be a score below the offset, 1.5"),
        ({"offset": {"clean": "much"}}, "offset.clean: .*valid number"),
        ({"strategy": "boundry"}, "did you mean 'boundary'"),
        ({"edits": {"include": ["1"], "exclude": [1]}}, "candidate 1 is both included and excluded"),
        ({"edits": {"include": ["fog"]}}, "'fog' is not a candidate; write 17"),
        ({"edits": {"include": "17"}}, "expected a list of candidates"),
    ],
)
def test_wrong_settings_are_a_sentence(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parsed(**fields)
    text = explain(caught.value, Selection, "selection")
    assert pd.Series([text]).str.contains(sentence).all(), text
    assert "\n" not in text


def test_settings_survive_json_and_have_words_for_every_field() -> None:
    it = parsed(
        budget=7, mix=[1, 2, 3], offset=0.1, floor={"clean": 0.4}, class_balance={"clean": True},
        edits={"include": [17, "17/fog/3"], "relabel": {4: 1}},
    )  # fmt: skip
    assert Selection.model_validate(it.model_dump(mode="json")) == it
    assert Selection.model_validate_json(it.model_dump_json()) == it
    assert it.offset.corruption == 0.1
    assert parsed(offset={"clean": 0.2}).offset.corruption == 0
    assert parsed(offset_by="score", offset={"clean": 0.2}).offset.corruption is None
    for model in (Selection, Mix, type(it.offset), type(it.class_balance), type(it.edits)):
        assert all(field.description for field in model.model_fields.values())


# Selectors and differences


@pytest.mark.parametrize("selector", list(SELECTORS), ids=lambda member: member.name)
@pytest.mark.parametrize("one_per_sample", [False, True])
@pytest.mark.parametrize("need", [0, 1, 13, 10**6])
def test_the_contract_of_a_selector(selector: Any, one_per_sample: bool, need: int) -> None:
    pool = make_pool()
    if selector.follows:
        pool[selector.follows] = np.arange(len(pool), dtype=np.uint32)[::-1]
    family = family_of(pool, "corruption", "entropy", follows=selector.follows)
    order = hardest_first(family.hardness)
    for size in (0, 1, len(family)):
        group = Group(family, np.arange(size), order[:size], one_per_sample=one_per_sample)
        before = group.order.copy()
        found = selector()(group, need, seed=3)
        samples = family.candidate_ids[found] >> 20
        there = len(np.unique(family.candidate_ids[:size] >> 20)) if one_per_sample else size
        assert len(found) == min(need, there) == len(np.unique(samples if one_per_sample else found))
        assert (found == selector()(group, need, seed=3)).all()
        assert (np.diff(found) > 0).all()
        assert (group.order == before).all()
    assert selector.__doc__
    assert selector.title


def counted_strata(hardness: np.ndarray, need: int, strata: int) -> list[int]:
    """Algorithm 1 of Zheng et al. 2023, line by line: how many of each stratum are chosen, the easiest first."""
    edges = np.linspace(hardness.min(), hardness.max(), strata + 1)
    sizes = {
        at: int(((hardness >= edges[at]) & ((hardness < edges[at + 1]) | (at == strata - 1))).sum())
        for at in range(strata)
    }
    left, counts = dict(sizes), dict.fromkeys(sizes, 0)
    while left:
        smallest = min(left, key=lambda at: left[at])
        counts[smallest] = min(left[smallest], need // len(left))
        need -= counts[smallest]
        del left[smallest]
    return list(counts.values())


@pytest.mark.parametrize("strata", [1, 4, 50])
@pytest.mark.parametrize("budget", [3, 40, 120])
def test_strata_get_what_the_algorithm_gives_them(budget: int, strata: int) -> None:
    pool = make_pool(samples=200, kinds=0)
    fields: dict[str, Any] = {"budget": budget, "mix": [1, 0, 0], "offset": 0.2, "strata": strata}
    found = run(pool, strategy="stratified", **fields)
    clean = pool.loc[pool["family"] == "clean", "entropy"].to_numpy()
    below = np.sort(clean.astype(np.float64))[: len(clean) - round(0.2 * len(clean))]
    picked = pool["entropy"].to_numpy()[found.pool_rows]
    edges = np.linspace(below.min(), below.max(), strata + 1)[1:-1]
    got = np.bincount(np.searchsorted(edges, picked, side="right"), minlength=strata)
    assert got.tolist() == counted_strata(below, budget, strata)
    assert picked.max() <= below.max()
    other = run(pool, seed=1, strategy="stratified", **fields)
    assert set(other.pool_rows) != set(found.pool_rows), "drawn at random in each stratum"
    assert np.bincount(
        np.searchsorted(edges, pool["entropy"].to_numpy()[other.pool_rows], side="right"), minlength=strata
    ).tolist() == got.tolist()  # fmt: skip


def test_strata_are_of_the_recipes_score_and_samples() -> None:
    same = make_pool(samples=30, kinds=2, levels=1)
    assert len(run(same, strategy="stratified", budget=20, mix=[1, 1, 1]).pool_rows) == 20
    found = run(make_pool(), strategy="stratified", budget=30, mix=[0, 1, 0], score="margin", variants_per_sample="one")
    assert len(np.unique(found.candidate_ids >> 20)) == 30
    assert "strata" not in parsed(strategy="stratified").model_dump()
    assert parsed(strata=7).model_dump()["strata"] == 7
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        parsed(strata=0)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=30))
@settings(deadline=None)
def test_orders_fall_as_hardness_rises(values: list[float]) -> None:
    hardness = np.array(values, dtype=np.float32)
    order = hardest_first(hardness).astype(np.int64)
    assert (
        np.sign(np.subtract.outer(order, order)) == -np.sign(np.subtract.outer(hardness, hardness).astype(float))
    ).all()


@settings(deadline=None, max_examples=30)
@given(anything(), st.floats(0, 0.9), st.booleans())
def test_difference_is_the_difference_of_sets(
    case: tuple[pd.DataFrame, dict[str, Any]], offset: float, same_pool: bool
) -> None:
    pool, fields = case
    fields |= {"edits": {}, "floor": None}
    other = pool if same_pool else pool[::-1].iloc[5:]
    before, after = run(pool, **fields), run(other, **{**fields, "offset": offset})
    enter, leave = difference(before, after)
    old, new = set(before.candidate_ids.tolist()), set(after.candidate_ids.tolist())
    assert set(other["candidate_id"].to_numpy()[enter]) == new - old
    assert set(pool["candidate_id"].to_numpy()[leave]) == old - new
    assert len(enter) == len(new - old)
