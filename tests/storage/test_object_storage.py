"""Workspace, source and export on ``s3://``, with a real client against a server on loopback."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import curation
from curation.errors import CurationError
from curation.exporters import EXPORTERS
from curation.exporters.remote import UNFINISHED
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.progress import Progress
from curation.readers import READERS, recognize
from curation.readers.files import stamp
from curation.recipe import Recipe
from curation.storage import lease
from curation.storage.addresses import below, fetched, local_or_remote, refusal, store
from curation.storage.files import read_json, write_bytes
from curation.storage.lease import Lease
from curation.storage.shards import Shards
from curation.storage.workspace import Workspace
from tests.conftest import SMALL
from tests.pages.opened import open_page, words
from tests.patience import wait_for

pytestmark = pytest.mark.usefixtures("s3")

SUMS = "SHA256SUMS"
ROOT = Path(__file__).parents[2]


def names(address: str) -> set[str]:
    return {*below(local_or_remote(address))}


# Shards and their copies


def test_a_shard_is_read_from_a_copy_and_fetched_where_there_is_none(copies: Path) -> None:
    shards = Shards(local_or_remote("s3://bucket/shards/a"), 2, "npy")
    shards.write(1, np.arange(60, dtype=np.uint8).reshape(20, 3))
    assert shards.missing(verify=True) == [0]
    for copy in copies.rglob("*.npy"):
        copy.unlink()
    assert isinstance(shards.array(1), np.memmap)
    np.testing.assert_array_equal(shards.gather(np.array([7, 0]), [0, 0, 20]), [[21, 22, 23], [0, 1, 2]])


def test_a_damaged_object_is_noticed_and_removed(copies: Path) -> None:
    shards = Shards(local_or_remote("s3://bucket/shards/b"), 1, "npy")
    shards.write(0, np.arange(60, dtype=np.uint8))
    object_, content = shards.folder / shards.present()[0], shards.array(0).tobytes()
    write_bytes(object_, content[:-1])
    assert shards.missing(verify=True) == [0]
    write_bytes(object_, content)
    for copy in copies.rglob("*.npy"):
        copy.unlink()
    with pytest.raises(CurationError, match="is damaged; delete it, or run the recipe again"):
        shards.array(0)
    assert shards.missing(verify=True) == [0]


def test_the_copies_not_used_for_longest_make_room(copies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATION_COPIES_GB", "1e-5")
    monkeypatch.setattr("curation.storage.copies._CHECKED_BYTES", 0)
    shards = Shards(local_or_remote("s3://bucket/shards/c"), 4, "npy")
    for index in range(4):
        shards.write(index, np.full(4000, index, np.uint8))
        if index == 1:
            os.utime(next(iter(sorted(copies.rglob("*.npy"), key=os.path.getmtime))), ns=(1, 1))
    assert 0 < sum(path.stat().st_size for path in copies.rglob("*.npy")) <= 10_000
    assert [int(shards.array(index)[0]) for index in range(4)] == [0, 1, 2, 3]


# Leases


@pytest.mark.parametrize("root", ["s3://bucket/leases", "memory://leases"])
def test_a_lease_has_one_holder_is_renewed_and_expires(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(lease, "EXPIRES_S", 0.3)
    monkeypatch.setattr(lease, "time", SimpleNamespace(time=lambda: now))
    one, other = (Lease(local_or_remote(root) / "it.lease") for _ in range(2))
    assert one.acquire()
    assert not other.acquire()
    now = 100.2
    wait_for(lambda: read_json(one._at(1))["until"] > 100.4)  # type: ignore[index]
    now = 100.4  # later than it would last, had it not been renewed
    assert not other.acquire()
    one._released.set()  # as if it were killed
    one._renewing.join()  # type: ignore[union-attr]
    now = 200.0
    assert other.acquire()
    one.release()  # late, and without harm to who has it now
    assert not one.acquire()
    other.release()
    assert one.acquire()
    one.release()


def test_who_looked_long_ago_takes_no_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = local_or_remote("s3://bucket/leases/late.lease")
    first, holder, late = (Lease(folder) for _ in range(3))
    assert first.acquire()
    first.release()
    seen = late._numbers()
    assert holder.acquire()
    holder.release()
    assert first.acquire()
    listed = iter([seen])
    usual = late._numbers
    monkeypatch.setattr(late, "_numbers", lambda: next(listed, None) or usual())
    assert not late.acquire()
    first.release()


def test_a_store_that_cannot_create_exclusively_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = local_or_remote("s3://bucket/leases/plain.lease")
    files, _ = store(folder)
    monkeypatch.setattr(lease, "_exclusive", {})
    usual = files.pipe_file
    monkeypatch.setattr(files, "pipe_file", lambda path, data, mode="": usual(path, data))
    with pytest.warns(UserWarning, match=r"only one process may write to it at a time"):
        assert Lease(folder).acquire()


# A whole run


FEW: dict[str, Any] = SMALL | {
    "source": SMALL["source"] | {"limit": 300},
    "variants": {"corruption": {"kinds": ["pixelate"], "severities": [3]}},
    "selection": {"budget": 100, "mix": [1, 1, 0]},
}
KILLED = """
import os, signal, sys
import torch
from curation.pipeline import Pipeline
from curation.recipe import Recipe
from curation.storage import lease
from curation.storage.workspace import Workspace
from tests.storage.test_object_storage import FEW

def report(progress):
    if progress.stage == "goal_model" and progress.done > progress.total / 2:
        os.kill(os.getpid(), signal.SIGKILL)

lease.EXPIRES_S = 3600.0
torch.set_num_threads(1)
Pipeline(Recipe.parse(FEW), Workspace(sys.argv[1]), device="cpu").run(report=report)
"""


@pytest.fixture(scope="module")
def finished(s3: None) -> Pipeline:
    """A few digits, computed on S3 by a process that was killed in the middle of a training, and by this one."""
    root = "s3://bucket/cache/small"
    killed = subprocess.run([sys.executable, "-c", KILLED, root], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert any(name.endswith("checkpoint.pt") for name in names(root))
    pipeline = Pipeline(Recipe.parse(FEW), Workspace(root), device="cpu")
    passed_s = 0.0

    def let_it_expire(progress: Progress) -> None:
        nonlocal passed_s
        if progress.note == "waiting for another process":
            passed_s = 7200.0

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few images make a poor goal model
        patch.setattr(lease, "time", SimpleNamespace(time=lambda: time.time() + passed_s))
        pipeline.run(FOR_SELECTION, report=let_it_expire)
    assert passed_s, "the killed process's lease was waited for"
    pipeline.workspace.save_revision(pipeline.recipe.to_yaml())
    return pipeline


@pytest.mark.slow
def test_a_killed_run_goes_on_and_gives_the_same_set(finished: Pipeline, tmp_path: Path) -> None:
    local = Pipeline(Recipe.parse(FEW), Workspace(tmp_path / "small"), device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few images make a poor goal model
        local.run(FOR_SELECTION)
    here = local.export(tmp_path / "here")
    destination = "s3://bucket/exports/small"
    finished.export(destination)
    there = fetched(destination)
    assert (there / SUMS).read_text() == (here / SUMS).read_text()
    assert {path.name for path in here.iterdir()} == {path.name for path in there.iterdir()}
    assert len(curation.load(destination, check=True)) == FEW["selection"]["budget"]
    with pytest.raises(CurationError, match="holds an earlier export"):
        finished.export(destination)


def test_the_dashboard_reads_it(finished: Pipeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("CURATION_CACHE", str(tmp_path))
    monkeypatch.setenv("CURATION_WORKSPACE", str(finished.workspace.root))
    at = open_page("boundary", w="small")
    assert "Recipe **small**" in words(at)
    assert not at.error


# Sources


def images(root: Path) -> None:
    for label, name in enumerate(("cat", "dog")):
        for index in range(3):
            buffer = io.BytesIO()
            Image.fromarray(np.full((8, 8, 3), 40 * (3 * label + index), np.uint8)).save(buffer, "PNG")
            write_bytes(root / name / f"{index}.png", buffer.getvalue())


def test_an_image_folder_is_read_from_a_copy_that_follows_it(copies: Path) -> None:
    address = "s3://bucket/source/images"
    images(local_or_remote(address))
    about = recognize(address)
    assert about == {"reader": "folder", "path": address}
    reader = READERS.build("folder", {"path": address})
    source, before = reader.open(), stamp(address)
    assert (source.classes, len(source), stamp(address)) == (["cat", "dog"], 6, before)
    assert source.fingerprint == reader.open().fingerprint
    local_or_remote(f"{address}/dog/2.png").unlink()
    assert (len(reader.open()), stamp(address) == before) == (5, False)
    with pytest.raises(CurationError, match="s3://bucket/nothing does not exist"):
        READERS.build("folder", {"path": "s3://bucket/nothing"}).open()


def test_one_file_is_a_source(copies: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", images=np.zeros((4, 8, 8), np.uint8), labels=np.array([0, 1, 0, 1]))
    write_bytes(local_or_remote("s3://bucket/source/two.npz"), (tmp_path / "two.npz").read_bytes())
    about = recognize("s3://bucket/source/two.npz")
    source = READERS.build(about["reader"], {"path": about["path"]}).open()
    assert source.read(1, 3).labels.tolist() == [1, 0]
    workspace = Workspace("s3://bucket/cache/two")
    workspace.claim(dict(about))
    assert workspace.about["source"] == about


def test_a_name_that_leads_out_of_its_folder_is_refused(copies: Path) -> None:
    files, _ = store(local_or_remote("s3://bucket"))
    files.pipe_file("bucket/trap/../../out.png", b"")
    with pytest.raises(CurationError, match="leads out of its folder"):
        fetched("s3://bucket/trap")


# Exports


def test_an_unfinished_export_may_be_replaced_and_anything_else_not(finished: Pipeline) -> None:
    mine = local_or_remote("s3://bucket/exports/other")
    write_bytes(mine / "notes.txt", b"mine")
    with pytest.raises(CurationError, match="exists and is not an export"):
        finished.export(str(mine))
    write_bytes(mine / UNFINISHED, b"")
    finished.export(str(mine))
    assert SUMS in names(str(mine))
    assert not {"notes.txt", UNFINISHED} & names(str(mine))


# Refusals


def test_what_a_store_refuses_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CurationError, match=r"the bucket of s3://no-bucket/w\S* does not exist; create it"):
        Workspace("s3://no-bucket/w").claim({"reader": "digits"})
    with pytest.raises(CurationError, match="is of a kind that fsspec does not know"):
        Workspace("nothing://bucket/w")
    with pytest.raises(CurationError, match="needs a package that is not installed"):
        raise CurationError(refusal(ImportError("Install s3fs"), "s3://bucket/w"))
    from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
    from s3fs.errors import translate_boto_error

    def told(error: Exception) -> str:
        return str(refusal(error)) + str(refusal(error, "s3://bucket/w"))

    denied = translate_boto_error(ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, "Put"))
    assert told(denied).count("no permission for") == 2
    assert told(NoCredentialsError()).count("AWS_ACCESS_KEY_ID") == 2
    assert told(EndpointConnectionError(endpoint_url="http://x")).count("cannot be reached") == 2
    assert refusal(PermissionError("a local file")) is None
    assert refusal(ZeroDivisionError(), "s3://bucket/w") is None


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3")
    with pytest.raises(CurationError, match=r"pip install 'curation\[s3\]'"):
        Workspace("s3://other-bucket/w")


def test_python_that_loads_an_export_from_an_address_is_ours_alone() -> None:
    for exporter in EXPORTERS:
        assert "without curation" in exporter.snippet("exports/a")
        assert "without curation" not in exporter.snippet("s3://bucket/a")
