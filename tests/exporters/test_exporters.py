"""Exports: whole or absent, the same bytes every time, read back by this library and by others."""

from __future__ import annotations

import errno
import multiprocessing
import os
import pickle
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.datasets import ImageFolder

from curation.dataset import load
from curation.errors import CurationError
from curation.exporters import EXPORTERS
from curation.exporters.base import CuratedSet, Exporter, OnProgress
from curation.exporters.export import export
from curation.exporters.npy import Npy, misfit

FORMATS = pytest.mark.parametrize("format_name", EXPORTERS.names)


def make_set(count: int = 130, *, soft: bool = False, shape: tuple[int, int, int] = (32, 32, 3)) -> CuratedSet:
    """Random images of three classes, from all families, in two row groups of Parquet."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (count, *shape), dtype=np.uint8)
    families = np.array(["clean", "corruption", "adversarial"])[np.arange(count) % 3]
    kinds = {"clean": ("clean", 0), "corruption": ("fog", 3), "adversarial": ("pgd", 0)}
    manifest = pd.DataFrame(
        {
            "sample_id": np.arange(count, dtype=np.int64) + 5,
            "family": pd.Categorical(families),
            "kind": pd.Categorical([kinds[family][0] for family in families]),
            "severity": np.array([kinds[family][1] for family in families], dtype=np.int8),
            "entropy": random.random(count, dtype=np.float32),
            "label": random.integers(0, 3, count),
            "weight": np.ones(count, np.float32),
        }
    )
    manifest.loc[:2, "label"] = [0, 1, 2]
    return CuratedSet(
        manifest=manifest,
        images=lambda start, stop: pixels[start:stop],
        soft_labels=random.dirichlet(np.ones(3), count).astype(np.float32) if soft else None,
        classes=["plane/jet", "car", "Vögel | ..\n"],
        shape=shape,
        recipe_yaml="name: test\n",
        about={"name": "Test", "source": "random", "samples": count, "candidates": 9, "families": {}},
    )


def built(format_name: str) -> Exporter:
    return EXPORTERS.build(format_name)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@FORMATS
@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
@pytest.mark.parametrize("shape", [(32, 32, 3), (9, 7, 1)], ids=["color", "gray"])
def test_what_is_exported_is_what_is_loaded(
    tmp_path: Path, format_name: str, soft: bool, shape: tuple[int, int, int]
) -> None:
    curated = make_set(soft=soft, shape=shape)
    done: list[int] = []
    out = export(curated, built(format_name), tmp_path / "out", on_progress=done.append)
    loaded = load(out, check=True)
    assert done[-1] == len(loaded) == len(curated)
    assert loaded.classes == curated.classes
    pixels = curated.images(0, len(curated))
    for index in (0, 1, 99, 100, 129, -1, 5):
        image, label = loaded[index]
        assert image.dtype == torch.float32
        assert (image.numpy() == np.float32(pixels[index].transpose(2, 0, 1)) / 255).all()
        if curated.soft_labels is not None:
            np.testing.assert_array_equal(label.numpy(), curated.soft_labels[index])
        else:
            assert label.dtype == torch.int64
            assert int(label) == curated.labels[index]
    for column in ("sample_id", "family", "kind", "severity", "entropy", "label", "weight"):
        assert (loaded.manifest[column].astype(str) == curated.manifest[column].astype(str)).all()
    with pytest.raises(IndexError):
        loaded[len(curated)]
    assert load(out, transform=lambda image: image * 0)[3][0].sum() == 0


@FORMATS
def test_every_export_has_its_papers_and_sums_that_others_can_check(tmp_path: Path, format_name: str) -> None:
    out = export(make_set(), built(format_name), tmp_path / "out")
    assert (out / "recipe.yaml").read_text() == "name: test\n"
    text = (out / "datasheet.md").read_text()
    assert "130 images of 32×32 pixels, color, 3 classes" in text
    assert "| clean | 0.0" in text
    assert "| fog | 3 | 43 |" in text
    names = [line.split("  ", 1)[1] for line in (out / "SHA256SUMS").read_text().splitlines()]
    assert names == sorted(names)
    assert set(names) | {"SHA256SUMS"} == set(tree(out))
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "-c", "--quiet", "--strict", "SHA256SUMS"], cwd=out, check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@FORMATS
def test_the_same_set_gives_the_same_bytes(tmp_path: Path, format_name: str) -> None:
    first = export(make_set(soft=True), built(format_name), tmp_path / "first")
    second = export(make_set(soft=True), built(format_name), tmp_path / "deeper" / "second")
    assert tree(first) == tree(second)


@FORMATS
def test_workers_started_afresh_can_read_it(tmp_path: Path, format_name: str) -> None:
    loaded = load(export(make_set(), built(format_name), tmp_path / "out"))
    first = loaded[7][0]
    again = pickle.loads(pickle.dumps(loaded))
    assert len(pickle.dumps(loaded)) < 60_000  # the path travels, not the pixels
    assert (again[7][0] == first).all()
    if "fork" in multiprocessing.get_all_start_methods():
        batches = list(
            torch.utils.data.DataLoader(loaded, batch_size=100, num_workers=1, multiprocessing_context="fork")
        )
        assert (batches[0][0][7] == first).all()


# Each format, as others read it


def for_contest(curated: CuratedSet) -> CuratedSet:
    return replace(curated, classes=[str(index) for index in range(10)])


def many(count: int) -> CuratedSet:
    one = make_set(3)
    rows = pd.concat([one.manifest] * (count // 3 + 1), ignore_index=True)[:count]
    return for_contest(
        replace(one, manifest=rows, images=lambda start, stop: np.zeros((stop - start, 32, 32, 3), np.uint8))
    )


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: for_contest(make_set(shape=(28, 28, 1))), "its images are 28×28×1, the contest takes 32×32×3"),
        (lambda: make_set(), "it has 3 classes, the contest takes 10"),
        (lambda: many(50_001), "it has 50,001 images, the contest takes at most 50,000"),
    ],
    ids=["shape", "classes", "count"],
)
def test_what_the_contest_does_not_take_is_plain_npy(made: Callable[[], CuratedSet], why: str, tmp_path: Path) -> None:
    assert misfit(made()) == why
    if why.startswith("it has 50,001"):  # 150 MB are not written to learn the same
        assert why in Npy.remark(made())
        return
    out = export(made(), Npy(), tmp_path / "out")
    assert not (out / "config.py").exists()
    assert f"so without its `config.py`: {why}." in (out / "datasheet.md").read_text()
    assert len(load(out)) == len(made())


def test_fifty_thousand_images_are_not_too_many() -> None:
    assert misfit(many(50_000)) is None


def test_npy_passes_the_contests_own_checks(tmp_path: Path) -> None:
    out = export(for_contest(make_set()), Npy(), tmp_path / "out")
    images, labels = np.load(out / "data.npy"), np.load(out / "label.npy")
    assert "passes the checks of the contest's template" in (out / "datasheet.md").read_text()
    assert labels.min() >= 0
    assert images.dtype == np.uint8
    assert images.shape[0] <= 50_000
    assert images.shape[1:] == (32, 32, 3)
    normalized = labels / labels.sum(axis=1, keepdims=True)
    np.testing.assert_array_equal(normalized, np.eye(10)[make_set().labels])
    assert labels.dtype == np.float32
    config: dict[str, Any] = {}
    exec((out / "config.py").read_text(), config)
    rates = {"args_wideresnet": 0.1, "args_preactresnet18": 0.01}
    for name, rate in rates.items():
        args = config[name]
        model = torch.nn.Linear(1, 1)
        optimizer = getattr(torch.optim, args["optimizer_name"])(
            model.parameters(), **args["optimizer_hyperparameters"]
        )
        scheduler = getattr(torch.optim.lr_scheduler, args["scheduler_name"])
        scheduler(optimizer, **args["scheduler_hyperparameters"])
        assert (args["epochs"], args["batch_size"], optimizer.param_groups[0]["lr"]) == (200, 256, rate)
        assert optimizer.param_groups[0]["momentum"] == 0.9
        assert optimizer.param_groups[0]["weight_decay"] == 1e-4
        assert args["scheduler_hyperparameters"] == {"T_max": 200}


def test_folder_is_what_torchvision_reads(tmp_path: Path) -> None:
    curated = make_set()
    out = export(curated, built("folder"), tmp_path / "out")
    found = ImageFolder(out / "images")
    assert [name.split("_", 1)[0] for name in found.classes] == ["0", "1", "2"]
    label_of = {Path(path).name: label for path, label in found.samples}
    names = [f"{name.replace('/', '_')}.png" for name in curated.names()]
    assert [label_of[name] for name in names] == curated.labels.tolist()


def test_parquet_names_its_features_as_hugging_face_does(tmp_path: Path) -> None:
    curated = make_set(soft=True)
    out = export(curated, built("parquet"), tmp_path / "out")
    file = pq.ParquetFile(out / "train.parquet")
    assert file.metadata.num_row_groups == 2
    metadata = file.schema_arrow.metadata[b"huggingface"].decode()
    assert '"_type": "ClassLabel"' in metadata
    assert '"_type": "Image"' in metadata
    row = file.read_row_group(1)["image"][0].as_py()
    assert row["bytes"].startswith(b"\x89PNG")
    assert row["path"] == f"{curated.names()[100].replace('/', '_')}.png"


# Whole or absent


class Failing(Npy):
    """Writes half and then fails as told."""

    def write(self, curated: CuratedSet, folder: Path, *, on_progress: OnProgress) -> None:
        (folder / "data.npy").write_bytes(b"half")
        raise FAILURE[0]


FAILURE: list[BaseException] = []


@pytest.mark.parametrize(
    ("failure", "raised", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), CurationError, r"cannot write .*out: the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied"), CurationError, r"no permission to write there"),
        (OSError(errno.EIO, "Input/output error"), CurationError, r"cannot write .*out: .*Input/output error"),
        (KeyboardInterrupt("stop"), KeyboardInterrupt, "stop"),
    ],
    ids=["disk full", "no permission", "broken disk", "interrupted"],
)
@pytest.mark.parametrize("earlier", [False, True])
def test_a_failed_export_leaves_what_was_there(
    tmp_path: Path, failure: BaseException, raised: type[BaseException], sentence: str, earlier: bool
) -> None:
    if earlier:
        export(make_set(8), Npy(), tmp_path / "out")
    before = tree(tmp_path)
    FAILURE[:] = [failure]
    with pytest.raises(raised, match=sentence):
        export(make_set(), Failing(), tmp_path / "out", overwrite=True)
    assert tree(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == (["out"] if earlier else [])


@FORMATS
def test_a_cancelled_export_leaves_nothing(tmp_path: Path, format_name: str) -> None:
    def cancel(done: int) -> None:
        raise CurationError("cancelled")

    with pytest.raises(CurationError, match="cancelled"):
        export(make_set(), built(format_name), tmp_path / "out", on_progress=cancel)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
@pytest.mark.parametrize(("format_name", "name"), [("npy", "data.npy"), ("parquet", "train.parquet")])
def test_a_disk_that_fills_while_writing_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_name: str, name: str
) -> None:
    made = Path.mkdir

    def mkdir(path: Path, *args: Any, **kwargs: Any) -> None:
        made(path, *args, **kwargs)
        if ".partial-" in path.name:
            (path / name).symlink_to("/dev/full")

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(CurationError, match="the disk is full"):
        export(make_set(), built(format_name), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_an_earlier_export_is_replaced_as_a_whole_when_allowed(tmp_path: Path) -> None:
    out = export(make_set(), built("folder"), tmp_path / "out")
    before = tree(out)
    with pytest.raises(CurationError, match="holds an earlier export; choose another folder or allow overwriting it"):
        export(make_set(8), Npy(), out)
    assert tree(out) == before
    export(make_set(8), Npy(), out, overwrite=True)
    assert tree(out) == tree(export(make_set(8), Npy(), tmp_path / "fresh"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fresh", "out"]


@pytest.mark.parametrize("what", ["folder", "file", "link", "below a file"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_not_an_export_is_never_touched(tmp_path: Path, what: str, overwrite: bool) -> None:
    out = tmp_path / "out"
    if what == "folder":
        out.mkdir()
        (out / "thesis.tex").write_text("years of work")
    elif what == "link":
        out.symlink_to(tmp_path / "nowhere")
    else:
        out.write_text("years of work")
    destination = out / "deeper" if what == "below a file" else out
    before = tree(tmp_path)
    with pytest.raises(CurationError, match=r"is not an export; choose a new folder|a part of that path is a file"):
        export(make_set(8), Npy(), destination, overwrite=overwrite)
    assert tree(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_may_be_filled_and_long_names_are_fine(tmp_path: Path) -> None:
    out = tmp_path / ("x" * 250)
    out.mkdir()
    export(make_set(8), Npy(), out)
    assert len(load(out)) == 8
    with pytest.raises(CurationError, match=r"cannot write .*name too long"):
        export(make_set(8), Npy(), tmp_path / ("x" * 300))


# Bad input


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda it: {"manifest": it.manifest.iloc[:0]}, "the curated set is empty; raise the budget"),
        (lambda it: {"manifest": it.manifest.drop(columns="kind")}, "the manifest has no column 'kind'"),
        (lambda it: {"classes": ["a", "b"]}, r"labels must be in \[0, 2\), got 0 … 2"),
        (lambda it: {"soft_labels": np.ones((8, 2), np.float32)}, "expected|soft labels must have .*8×3, got 8×2"),
        (lambda it: {"soft_labels": np.ones((8, 3), np.float32)}, "the soft label of image 0 must be .* sum to 1"),
        (lambda it: {"soft_labels": np.full((8, 3), np.nan, np.float32)}, "the soft label of image 0"),
        (lambda it: {"images": lambda a, b: np.zeros((b - a, 32, 32, 3))}, "must be uint8 8×32×32×3, got float64"),
        (lambda it: {"images": lambda a, b: np.zeros((1, 32, 32, 3), np.uint8)}, "uint8 8×32×32×3, got uint8 1×32"),
    ],
)
@FORMATS
def test_a_wrong_set_is_a_sentence(
    tmp_path: Path, format_name: str, change: Callable[[CuratedSet], dict[str, Any]], sentence: str
) -> None:
    curated = make_set(8)
    with pytest.raises(CurationError, match=sentence):
        export(replace(curated, **change(curated)), built(format_name), tmp_path / "out")
    assert not list(tmp_path.iterdir())


@FORMATS
def test_a_broken_export_is_a_sentence(tmp_path: Path, format_name: str) -> None:
    out = export(make_set(), built(format_name), tmp_path / "out")
    with pytest.raises(CurationError, match=r"is not an export: it has no SHA256SUMS"):
        load(tmp_path)
    for path in sorted(path for path in out.rglob("*") if path.is_file() and path.name != "SHA256SUMS"):
        if format_name == "folder" and path.suffix == ".png" and path.name != "5.png":
            continue
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(CurationError, match=f"{path.name} was changed or damaged since the export"):
            load(out, check=True)
        if path.suffix in (".npy", ".parquet", ".png", ".json") and path.name != "label.npy":
            with pytest.raises(CurationError, match="is damaged"):
                load(out)[0]
        path.unlink()
        with pytest.raises(CurationError, match=f"{path.name} is missing from the export"):
            load(out, check=True)
        path.write_bytes(content)


@pytest.mark.parametrize("format_name", ["npy", "parquet"])
def test_a_manifest_of_another_length_is_a_sentence(tmp_path: Path, format_name: str) -> None:
    out = export(make_set(), built(format_name), tmp_path / "out")
    pd.read_parquet(out / "manifest.parquet").iloc[:-1].to_parquet(out / "manifest.parquet")
    with pytest.raises(CurationError, match=r"is damaged \(130 images for 129 rows of manifest\.parquet\)"):
        load(out)


@settings(deadline=None, max_examples=10)
@given(classes=st.lists(st.text(max_size=300), min_size=3, max_size=3, unique=True))
def test_any_class_name_is_a_safe_folder(classes: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    out = export(replace(make_set(3), classes=classes), built("folder"), tmp_path_factory.mktemp("x") / "out")
    assert load(out).classes == classes
    assert len(list((out / "images").iterdir())) == 3
    assert {path.parent.parent.name for path in out.rglob("*.png")} == {"images"}


def test_memory_stays_flat_however_large_the_images() -> None:
    """No call asks for more pixels than a fixed amount, so a set larger than memory can be exported."""
    asked: list[int] = []

    def images(start: int, stop: int) -> np.ndarray:
        asked.append((stop - start) * 512 * 512 * 3)
        return np.zeros((stop - start, 512, 512, 3), np.uint8)

    curated = replace(make_set(60), images=images, shape=(512, 512, 3))
    assert sum(len(chunk) for _, chunk in curated.chunks(lambda done: None)) == 60
    assert max(asked) <= 20e6


@pytest.mark.parametrize("exporter", list(EXPORTERS), ids=lambda member: member.name)
def test_the_words_for_people(exporter: type[Exporter]) -> None:
    assert exporter.__doc__
    assert exporter.title
    compile(exporter.snippet("some/folder"), "snippet", "exec")
    assert os.fspath("some/folder") in exporter.snippet("some/folder")
