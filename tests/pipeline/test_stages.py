"""The contract of stages: what they say of themselves, and that what they make is whole, kept and not made twice."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, get_args

import pytest

from curation.pipeline import Pipeline, in_order
from curation.pipeline.stages import STAGES, Stage, State
from curation.storage.workspace import Workspace

every_stage = pytest.mark.parametrize("stage", list(STAGES), ids=lambda stage: stage.name)


@every_stage
def test_a_stage_says_what_it_is_and_comes_after_those_it_needs(stage: type[Stage]) -> None:
    order = list(in_order())
    assert all(order.index(need) < order.index(stage.name) for need in stage.needs)
    assert stage.title
    assert stage.__doc__
    assert stage.makes in ("candidates", "files", "selection", "views")


@every_stage
def test_what_a_stage_makes_is_whole_and_kept(stage: type[Stage], computed: Pipeline, workspace: Workspace) -> None:
    """UMAP's map apart, which other tests draw."""
    pipeline = Pipeline(computed.recipe, workspace, device="cpu")
    if stage.name != "map":
        pipeline.run((stage.name,))
    found = next(status for status in pipeline.status(verify=True) if status.stage == stage.name)
    assert found.state in get_args(State)
    assert pipeline.cost()[stage.name] >= 0
    if not stage().asked(pipeline.recipe):
        assert found.state == "off"
    elif stage.name != "map":
        assert (found.state, found.done) == ("done", found.total)
        assert found.total > 0
        kept = written(workspace)
        pipeline.run((stage.name,))
        assert written(workspace) == kept


def written(workspace: Workspace) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in Path(workspace.root).rglob("shard-*")}


def test_a_stage_has_no_parameters() -> None:
    with pytest.raises(TypeError, match=r"a stage has no parameters, but Sized has size; annotate it as ClassVar"):

        class Sized(Stage):
            size: int = 3


class _Late(Stage):
    """Needs what nobody makes."""

    name: ClassVar = "late"
    title: ClassVar = "Late"
    needs: ClassVar = ("never",)

    def results(self, plan):  # type: ignore[no-untyped-def]
        return []

    def run(self, execution):  # type: ignore[no-untyped-def]
        raise AssertionError


def test_a_stage_whose_need_nobody_makes_is_left_out_with_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(STAGES, "_members", {"late": _Late, **{stage.name: stage for stage in STAGES}})
    with pytest.warns(UserWarning, match=r"the stage late needs never, which no stage .* is called; it is left out"):
        assert "late" not in in_order()
