"""The one table of kinds of input that people bring: each is read as it must be, or refused with one sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from curation.errors import CurationError
from tests.readers import inputs_archives, inputs_labels, inputs_layouts, inputs_pixels
from tests.readers.inputs import Input, Read, Refused

INPUTS: list[Input] = [
    *(kind for subject in (inputs_layouts, inputs_archives, inputs_pixels, inputs_labels) for kind in subject.INPUTS)
]


def of(expect: type) -> pytest.MarkDecorator:
    """Return the mark that runs a test on the kinds that are read, or on those that are refused."""
    return pytest.mark.parametrize("kind", [k for k in INPUTS if isinstance(k.expect, expect)], ids=lambda k: k.name)


@of(Read)
def test_a_kind_of_input_is_read_as_it_must(kind: Input, tmp_path: Path) -> None:
    expect = kind.expect
    assert isinstance(expect, Read)
    classes, chunk = kind.read(tmp_path, "train")
    assert expect.classes is None or classes == expect.classes
    assert expect.train is None or len(chunk.images) == expect.train
    lines = [f"{line.name}: {line.reason}" for line in chunk.skipped]
    assert len(lines) == len(expect.skipped)
    assert all(re.search(pattern, line) for pattern, line in zip(expect.skipped, lines, strict=True))
    assert re.search(expect.notes, "; ".join(chunk.notes.values()))
    assert re.search(expect.remarks, "; ".join(kind.open(tmp_path, "train").remarks))
    expect.check(chunk)
    if expect.test is not None:
        test_classes, test = kind.read(tmp_path, "test")
        assert test_classes == classes
        assert len(test.images) == expect.test
        assert not {image.tobytes() for image in chunk.images} & {image.tobytes() for image in test.images}


@of(Refused)
def test_a_kind_of_input_is_refused_with_one_sentence(kind: Input, tmp_path: Path) -> None:
    expect = kind.expect
    assert isinstance(expect, Refused)
    with pytest.raises(CurationError, match=expect.sentence) as caught:
        kind.read(tmp_path, expect.split)
    assert "\n" not in str(caught.value)


def test_no_two_kinds_share_a_name() -> None:
    names = [kind.name for kind in INPUTS]
    assert len(set(names)) == len(names)
