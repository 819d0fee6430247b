"""The ``source`` block of a recipe: which images, how many, and labels made wrong on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from curation.plugin import Settings, plugin_field
from curation.readers import READERS

if TYPE_CHECKING:
    from curation.readers.base import Reader
else:
    Reader = plugin_field(READERS, "reader")


class LabelNoise(Settings):
    """Wrong labels, put in when the source is read."""

    kind: Literal["symmetric", "asymmetric"] = Field(
        "symmetric",
        description="symmetric: to any other class; asymmetric: to the class it is most often confused with",
    )
    share: float = Field(0.2, gt=0, lt=1, description="probability that a sample gets a wrong label")
    seed: int = Field(0, ge=0, lt=2**31, description="random seed of which samples are changed, and to which classes")


class Source(Settings):
    """Where the samples come from."""

    reader: Reader
    limit: int | None = Field(None, ge=1, description="use this many samples, drawn by class; None: all")
    noise: LabelNoise | None = Field(None, description="wrong labels added on purpose, for experiments; None: none")

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, value: Any) -> Any:
        """A recipe writes reader, its parameters, limit and noise side by side."""
        if isinstance(value, Mapping) and isinstance(value.get("reader"), str):
            own = {name: value[name] for name in ("limit", "noise") if name in value}
            return {"reader": {name: part for name, part in value.items() if name not in own}, **own}
        return value
