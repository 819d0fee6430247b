"""An exported set is a source again: every format, whole, and only as it was written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from curation.errors import CurationError
from curation.exporters import EXPORTERS
from curation.exporters.export import export
from curation.readers import READERS, recognize
from curation.readers.export import ExportSource
from tests.exporters.test_exporters import make_set

FORMATS = pytest.mark.parametrize("format_name", EXPORTERS.names)


def opened(folder: Path) -> ExportSource:
    about = recognize(str(folder))
    assert about == {"reader": "export", "path": str(folder)}
    source = READERS.build("export", {"path": str(folder)}).open()
    assert isinstance(source, ExportSource)
    return source


@FORMATS
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_an_export_is_read_again_whole(format_name: str, soft: bool, channels: int, tmp_path: Path) -> None:
    curated = make_set(20, soft=soft, shape=(9, 8, channels))
    manifest = curated.manifest.assign(weight=np.linspace(0.5, 3, 20, dtype=np.float32))
    curated = replace(curated, manifest=manifest, classes=["boat", "café", "dog"])
    source = opened(export(curated, EXPORTERS.build(format_name), tmp_path / "set"))
    chunk = source.read(0, len(source))
    np.testing.assert_array_equal(chunk.images, curated.images(0, 20))
    np.testing.assert_array_equal(chunk.labels, curated.labels)
    np.testing.assert_array_equal(chunk.weights, manifest["weight"])
    assert source.classes == ["boat", "café", "dog"]
    assert len(set(chunk.names)) == 20
    assert (chunk.soft_labels is not None) == soft
    if soft:
        np.testing.assert_array_equal(chunk.soft_labels, curated.soft_labels)
        assert "soft labels are kept" in " ".join(source.remarks)
    assert "7 clean, 7 corruption, 6 adversarial images, all read as samples" in source.remarks[0]


@FORMATS
def test_an_export_that_was_changed_is_refused(format_name: str, tmp_path: Path) -> None:
    folder = export(make_set(6), EXPORTERS.build(format_name), tmp_path / "set")
    marker = folder / EXPORTERS[format_name].marker
    image = next(marker.rglob("*.png")) if marker.is_dir() else marker
    content = bytearray(image.read_bytes())
    content[-20] ^= 1
    image.write_bytes(content)
    with pytest.raises(CurationError, match="was changed or damaged since the export; export the recipe again"):
        opened(folder)
