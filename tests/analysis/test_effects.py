"""What variants do to the goal model, and the images of one variant in each order."""

from __future__ import annotations

import numpy as np

from curation.analysis import effects, variants
from curation.pipeline import Pipeline


def test_effects_are_sorted_and_filtered_together_with_their_sets(computed: Pipeline) -> None:
    table, sets = effects.effects(computed.plan)
    assert table["variant"].tolist() == [variants.title(images) for images in sets]
    assert table["success"].is_monotonic_decreasing
    mine, their_sets = effects.of_family(table, sets, "adversarial")
    assert {images.family for images in their_sets} == set(mine["family"]) == {"adversarial"}
    assert len(effects.of_family(table, sets, None)[1]) == len(sets)


def test_images_are_ordered_by_what_the_variant_does(computed: Pipeline) -> None:
    images = variants.largest(computed.plan)[0]
    table = computed.plan.scores(images).whole_table()
    labels = computed.samples.labels
    wrong = table["prediction"].to_numpy() != labels[images.sample_rows]
    entropy = table["entropy"].to_numpy()
    assert (np.diff(entropy[effects.ordered(computed.plan, images, "entropy")]) <= 0).all()
    clean = computed.plan.scores(computed.plan.clean).whole_table()["prediction"].to_numpy() == labels
    fooled = effects.ordered(computed.plan, images, "fooled")
    assert sorted(fooled.tolist()) == np.flatnonzero(wrong & clean[images.sample_rows]).tolist()
    assert not wrong[effects.ordered(computed.plan, images, "kept")].any()
    once, again = (effects.ordered(computed.plan, images, "random") for _ in range(2))
    assert once.tolist() == again.tolist() != sorted(once.tolist())
    assert effects.clean_accuracy(computed.plan) == clean.mean()


def test_kept_sets_are_listed_in_words(computed: Pipeline) -> None:
    sets = variants.described(computed.plan)
    table = variants.kept(computed.plan, sets)
    assert table["Images"].tolist() == table["Of"].tolist()
    assert table["Scored"].all()
    assert variants.kept(computed.plan, []).empty
    assert variants.words("motion_blur", 3) == "motion blur 3"
    assert variants.words("pgd", 1, "steps=3") == "pgd (steps=3)"


def test_asked_variants_need_kinds_and_severities(computed: Pipeline) -> None:
    attacks = [{"attack": "fgsm", "epsilon": 0.1}]
    asked = variants.asked(
        computed.recipe, kinds=["fog"], severities=[], constants="cifar", attacks=attacks, samples=20
    )
    assert asked.variants.corruption is None
    assert (asked.variants.adversarial[0].name, asked.variants.samples) == ("fgsm", 20)
