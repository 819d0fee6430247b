"""What pages show and is no widget: bands in two units, parts of the samples, copies on the map, rows in words."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from curation.analysis import bands, candidates, clusters, coverage_groups, map_copies, pictures, similar, slices
from curation.analysis.duplicates import described_groups, to_drop
from curation.analysis.map_columns import Column, encoded_column
from curation.selection.pool import CODE_BITS, variant_code
from curation.selection.settings import Selection

SAMPLES = [0, 1, 2, 0, 1, 0]
CODES = [0, 0, 0, variant_code("gaussian_noise", 3), variant_code("fog", 1), variant_code("pgd", 0)]
POOL = pd.DataFrame(
    {
        "candidate_id": [sample << CODE_BITS | code for sample, code in zip(SAMPLES, CODES, strict=True)],
        "sample_id": SAMPLES,
        "family": ["clean", "clean", "clean", "corruption", "corruption", "adversarial"],
        "kind": ["clean", "clean", "clean", "gaussian_noise", "fog", "pgd"],
        "severity": [0, 0, 0, 3, 1, 0],
        "label": [0, 1, 1, 0, 1, 0],
        "prediction": [0, 1, 0, 1, 1, 1],
        "entropy": np.array([0.125, 0.5, 0.25, 0.6, 0.2, 0.65], np.float32),
    }
)


def test_a_gallery_says_what_each_candidate_is() -> None:
    shown = candidates.described(POOL, np.array([3, 0, 5]), class_count=2, relabel={0: 1})
    assert shown.names == ["0/gaussian_noise/3", "0", "0/pgd"]
    assert shown.notes == ["gaussian 3", "", "pgd"]
    assert shown.labels.tolist() == [1, 1, 1]
    np.testing.assert_allclose(shown.entropy_shares, np.array([0.6, 0.125, 0.65]) / np.log(2), rtol=1e-6)


def test_rows_are_found_by_candidate_sample_and_variant() -> None:
    assert candidates.row_of(POOL, int(POOL["candidate_id"][4])) == 4
    assert candidates.row_of(POOL, -1) is None
    assert candidates.row_of(POOL, None) is None
    assert candidates.variants_of_sample(POOL, 0) == {"clean": 0, "gaussian_noise/3": 3, "pgd": 5}
    assert candidates.relatives(POOL, 0, most=5).tolist() == [5, 3]
    assert candidates.relatives(POOL, 0, most=1).tolist() == [5]


def test_a_candidate_is_told_why_it_is_in_the_set_or_not() -> None:
    def why(row: int, *, chosen: bool = False, **changes: object) -> str:
        selection = Selection.model_validate(
            {"budget": 3, "offset": {"clean": 0.4}, "floor": {"clean": 0.7}, **changes}
        )
        ranked = bands.ranked(POOL, "clean", selection, class_count=2)
        return bands.standing(POOL, ranked, selection, "clean", row, chosen=chosen)

    assert why(1) == (
        "It is number 1 of 3 clean candidates, hardest first: above the offset of 40.0%, too hard to teach anything."
    )
    assert why(2, chosen=True).endswith(
        "number 2 of 3 clean candidates, hardest first: below the offset of 40.0%, inside the band."
    )
    assert why(0).endswith("easier than the floor of the band, 70.0%.")
    assert why(2).endswith("the quota was filled by others.")
    assert why(0, floor=None).endswith("the quota was filled by others.")
    assert why(1, edits={"include": ["1"]}) == "You included it, whatever its rank."
    assert why(1, edits={"exclude": ["1"]}) == "You excluded it."
    assert why(1, edits={"drop": [1]}) == "You left its sample out, with all copies."
    assert why(0, strategy="random").endswith("the strategy did not choose it from the whole family.")


def test_a_band_stays_where_it_is_in_another_unit() -> None:
    selection = Selection.model_validate({"budget": 3, "offset": {"clean": 0.4}, "floor": {"clean": 0.7}})
    every = {
        family: bands.ranked(POOL, family, selection, class_count=2)
        for family in ("clean", "corruption", "adversarial")
    }
    assert every["clean"].pool_rows.tolist() == [1, 2, 0]
    before = bands.shares(every["clean"], selection, "clean")
    assert before == (0.4, 0.7)
    scored = selection.model_copy(
        update={"offset_by": "score", **_edges(selection, bands.in_unit(every, selection, "score"))}
    )
    assert bands.shares(every["clean"], scored, "clean") == pytest.approx((1 / 3, 2 / 3)), (
        "at the candidates themselves"
    )
    assert bands.skipped(every["clean"], 1 / 3).tolist() == [1]


def _edges(selection: Selection, block: dict[str, dict[str, float | None]]) -> dict[str, object]:
    return {edge: type(getattr(selection, edge)).model_validate(values) for edge, values in block.items()}


def test_what_is_forced_in_comes_after_the_ranks() -> None:
    selection = Selection.model_validate({"budget": 3, "edits": {"exclude": ["1"]}})
    it = bands.ranked(POOL, "clean", selection, class_count=2)
    assert bands.among(POOL, it, "clean", np.array([0, 1, 2, 3])).tolist() == [2, 0, 1]
    assert bands.count_of(POOL, "clean", np.array([0, 3, 4])) == 1
    kinds, chosen, offered = bands.by_kind(POOL, np.array([0, 4]))
    assert (kinds, chosen.tolist(), offered.tolist()) == (["fog", "gaussian_noise"], [1, 0], [1, 1])


def test_slices_say_how_much_of_the_set_is_theirs() -> None:
    known = slices.Members(
        np.array([0, 1, 1]), np.array([0.1, 0.5, 0.3]), np.array([True, False, True]), np.array([2, 0, 2])
    )
    table = slices.composition(
        known, {"right": np.array([False, True, True]), "none": np.zeros(3, bool), "later": None}, ["a", "b"]
    ).set_index("name")
    right = table.loc["right"]
    assert (right["samples"], right["chosen"], right["images"], right["label"]) == (2, 1, 2, "b")
    assert (right["share"], right["purity"], right["entropy"]) == pytest.approx((0.5, 1.0, 0.4))
    assert table["samples"].tolist()[1] == 0
    assert pd.isna(table.loc["none", "label"])
    assert pd.isna(table.loc["later", "samples"])


def test_clusters_are_summed_up_without_those_outside() -> None:
    table = pd.DataFrame({"cluster": [0, 1, -1], "size": [3, 1, 2], "purity": [2 / 3, 1.0, 0.5]})
    it = clusters.summary(table, 6)
    assert (it.clusters, it.agreeing, it.pure, it.outside) == (2, pytest.approx(0.75), 1, 2)
    found = np.array([0, 0, 0, 1, -1, -1])
    shares = clusters.chosen_share(table, found, np.array([True, False, False, True, True, False]))
    np.testing.assert_allclose(shares, [1 / 3, 1, 0.5])
    assert clusters.positions(found, 0).tolist() == [0, 1, 2]


def test_of_too_many_copies_some_are_drawn() -> None:
    places = [np.arange(1000, dtype=np.float32).repeat(2).reshape(-1, 2)]
    every = map_copies.drawn(places, [np.arange(1000)], np.arange(1000), None, count=1000)
    assert (len(every.rows), every.left_out) == (map_copies.MOST, 1000 - map_copies.MOST)
    mask = np.zeros(1000, bool)
    mask[[5, 7]] = True
    few = map_copies.drawn(places, [np.arange(1000)], np.arange(6), mask, count=1000)
    assert (few.rows.tolist(), few.left_out) == ([5], 0)


def test_duplicates_that_disagree_come_first_and_go_together() -> None:
    pairs = pd.DataFrame(
        {"row": [0, 3, 3], "other": [1, 4, 5], "distance": [0.0, 0.0, 0.01], "mirrored": [False, False, True]}
    )
    every = described_groups(pairs, np.array([0, 1, 0, 2, 2, 2]))
    assert [(group.rows.tolist(), group.disagree, group.mirrored) for group in every] == [
        ([0, 1], True, False),
        ([3, 4, 5], False, True),
    ]
    left = [group.split(np.arange(10, 16), {14})[0] for group in every]
    assert to_drop(every, left, disagree=False).tolist() == [5]
    assert to_drop(every, left, disagree=True).tolist() == [0, 1]
    one_left = described_groups(pairs, np.array([0, 1, 0, 2, 2, 2]), dropped=np.array([1]))
    assert not any(group.disagree for group in one_left), "what was dropped contradicts nothing"


def test_groups_of_coverage_count_by_their_candidates() -> None:
    one = {"family": "clean", "label": None, "chosen": 1, "offered": 3, "share": 0.5, "radius": 1.0, "farthest": 2.0}
    groups = [
        {**one, "curve": [0.0, 1.0], "by_chance": [0.0, 0.5], "seconds": 0.1},
        {**one, "label": 1, "offered": 1, "curve": [0.2], "by_chance": [0.1], "seconds": 0.1},
    ]
    assert coverage_groups.means(groups).covered == pytest.approx(0.8)
    table = coverage_groups.table(groups, families={"clean": "Clean"}, classes=["a", "b"])
    assert table["Class"].tolist() == ["all", "b"]


def test_pictures_are_scaled_down_and_put_side_by_side() -> None:
    images = np.full((2, 4, 3, 1), 7, np.uint8)
    strip = pictures.side_by_side(images, number=3, gap_px=1)
    assert strip.shape == (4, 12, 1)
    assert strip[0, :, 0].tolist() == [7, 7, 7, 0, 7, 7, 7, 0, 0, 0, 0, 0]
    assert Image.open(io.BytesIO(pictures.thumbnail(np.zeros((700, 350, 3), np.uint8)))).size == (160, 320)


def test_a_column_travels_as_a_bit_a_byte_or_two() -> None:
    _, flags = encoded_column(Column("f", "F", np.array([True, False, True]), "flag"))
    assert flags["bits"].tolist() == [5]
    header, classes = encoded_column(Column("c", "C", np.array([0, -1, 1]), "category", ["a", "b"]))
    assert (classes["codes"].dtype, classes["codes"].tolist(), header["names"]) == (np.uint8, [0, 2, 1], ["a", "b"])
    _, numbers = encoded_column(Column("n", "N", np.array([0.0, 1.0, np.nan])))
    assert (numbers["codes"][0], numbers["codes"][2]) == (0, 65535)


def test_labels_of_neighbors_are_counted_and_missing_ids_have_neighbors() -> None:
    assert similar.label_counts(np.array([2, 0, 2, 1, 1])) == [(1, 2), (2, 2), (0, 1)]
    assert similar.nearest_ids(np.array([2, 5, 9]), 6) == [5, 9]
    assert similar.nearest_ids(np.array([2, 5, 9]), 40) == [5, 9]
