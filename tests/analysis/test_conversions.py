"""Notes of samples in a few lines."""

from curation.analysis.conversions import conversions


def test_notes_are_counted_and_those_that_differ_in_numbers_are_one() -> None:
    notes = ["", "first of 12 frames; palette converted to RGB", "first of 3 frames", "palette converted to RGB", "x"]
    assert conversions(notes) == [
        "2 of 5 images: first of 12 frames, for example",
        "2 of 5 images: palette converted to RGB",
        "1 of 5 images: x",
    ]
