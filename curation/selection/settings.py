"""The ``selection`` block of a recipe: budget, mix, hardness band and edits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from curation.errors import UsageError, unknown_name
from curation.plugin import Settings
from curation.scores import SCORES
from curation.selection import SELECTORS
from curation.selection.base import Selector, Within
from curation.selection.coverage import CoverageSettings
from curation.selection.pool import FAMILIES, candidate_name, parse_candidate


class Mix(Settings):
    """Clean : corruption : adversarial, in any unit; also written ``[9, 6, 10]``."""

    clean: float = Field(0.0, ge=0, description="share of clean images")
    corruption: float = Field(0.0, ge=0, description="share of corrupted images")
    adversarial: float = Field(0.0, ge=0, description="share of adversarial images")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, list | tuple) and len(value) == len(FAMILIES):
            return dict(zip(FAMILIES, value, strict=True))
        if not isinstance(value, Mapping | Mix):  # YAML reads a bare 9:6:10 as a number in base 60
            raise ValueError("write it as [9, 6, 10] or {clean: 9, corruption: 6, adversarial: 10}")
        return value

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not sum(self.of(family) for family in FAMILIES) > 0:
            raise ValueError("at least one of clean, corruption and adversarial must be above 0")
        return self

    def of(self, family: str) -> float:
        """Return one family's share."""
        return float(getattr(self, family))


class Edges(Settings):
    """One edge of the hardness band for each family; one number is for all three; None: no edge."""

    clean: float | None = Field(None, description="edge for clean images; None: no edge")
    corruption: float | None = Field(None, description="edge for corrupted images; None: no edge")
    adversarial: float | None = Field(None, description="edge for adversarial images; None: no edge")

    @model_validator(mode="before")
    @classmethod
    def _one_for_all(cls, value: Any) -> Any:
        return dict.fromkeys(FAMILIES, value) if value is None or isinstance(value, int | float) else value

    def of(self, family: str) -> float | None:
        """Return one family's edge."""
        edge: float | None = getattr(self, family)
        return edge


class ClassBalance(Settings):
    """Whether each class gets an equal part of a family's quota; ``true`` or ``false`` alone is for all families."""

    clean: bool = Field(False, description="balance the classes of the clean images")
    corruption: bool = Field(False, description="balance the classes of the corrupted images")
    adversarial: bool = Field(False, description="balance the classes of the adversarial images")

    @model_validator(mode="before")
    @classmethod
    def _one_for_all(cls, value: Any) -> Any:
        return dict.fromkeys(FAMILIES, value) if isinstance(value, bool) else value

    def of(self, family: str) -> bool:
        """Whether one family is balanced."""
        return bool(getattr(self, family))


class Edits(Settings):
    """Manual edits; they override every rule."""

    include: list[str] = Field([], description="candidates always included, within their family's quota: 17, 17/fog/3")
    exclude: list[str] = Field(
        [], description="candidates that are never included and not ranked; 17, an original, with all its variants"
    )
    relabel: dict[int, int] = Field({}, description="sample_id: label in [0, K), for the sample and all its variants")
    drop: list[int] = Field([], description="sample ids left out with all their variants, such as broken images")
    confirmed: list[int] = Field([], description="sample ids whose label was checked and confirmed")

    @field_validator("include", "exclude", mode="before")
    @classmethod
    def _candidates(cls, names: Any) -> Any:
        if not isinstance(names, list | tuple):
            raise ValueError("expected a list of candidates such as [17, 17/fog/3]")
        try:
            return list(dict.fromkeys(candidate_name(*parse_candidate(name)) for name in names))
        except UsageError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        both = set(self.include).intersection(self.exclude)
        if both:
            raise ValueError(f"candidate {min(both)} is both included and excluded; remove it from one of the two")
        drop = set(self.drop)
        dropped = next((name for name in self.include if parse_candidate(name).sample_id in drop), None)
        if dropped:
            raise ValueError(f"candidate {dropped} is included and its sample is dropped; remove one of the two")
        gone = {*self.dropped}
        lost = next((name for name in self.include if parse_candidate(name).sample_id in gone), None)
        if lost:
            raise ValueError(
                f"candidate {lost} is included and {parse_candidate(lost).sample_id}, its original, is excluded with "
                "all its variants; remove one of the two"
            )
        return self

    @property
    def dropped(self) -> list[int]:
        """Sample ids that are left out with all their variants: those of ``drop``, and of excluded originals."""
        originals = [int(name) for name in self.exclude if "/" not in name]
        return list(dict.fromkeys([*self.drop, *originals]))


class Selection(Settings):
    """Which candidates make the curated set."""

    budget: int = Field(50_000, ge=1, description="number of images in the curated set")
    mix: Mix = Field(
        Mix(clean=9, corruption=6, adversarial=10), description="clean : corruption : adversarial; sets the quotas"
    )
    strategy: str = Field("boundary", description="how candidates are chosen inside a family; a selector's name")
    within: Within | None = Field(
        None,
        description="what the strategy chooses from: boundary (between offset and floor) or family (all); None: random "
        "and self_correction from the family, the others from the boundary",
    )
    coverage: CoverageSettings = Field(CoverageSettings(), description="how the coverage strategies measure and choose")
    strata: int = Field(
        50,
        ge=1,
        le=10_000,
        description="strategy stratified: strata of equal width in the range of hardness below the offset",
        exclude_if=lambda value: value == 50,  # recipes and keys from before it was a field stay what they were
    )
    score: str = Field(
        "entropy",
        description="score that measures hardness: entropy (nats), gini (1 − Σp²) or margin (ranked by 1 − (p₁ − "
        "p₂)); of Monte Carlo dropout mc_entropy, mutual_information (both nats) or variation_ratio",
    )
    offset_by: Literal["rank", "score"] = Field("rank", description="unit of offset and floor: rank share, or score")
    offset: Edges = Field(
        Edges(clean=0, corruption=0, adversarial=0),
        validate_default=True,
        description="hardest candidates skipped: a share by rank in [0, 1), or the highest score allowed",
    )
    floor: Edges = Field(
        Edges(), description="optional lower edge, in the offset's unit; the quota is then drawn inside the band"
    )
    class_balance: ClassBalance = Field(
        ClassBalance(), description="equal quotas for all classes, each ranked separately"
    )
    variants_per_sample: Literal["all", "one", "hardest"] = Field(
        "all",
        description="all: any number; one: at most one image of a sample, clean or a copy; "
        "hardest: in each family only a sample's highest-score copy is a candidate",
    )
    duplicates: Literal["once", "all"] = Field(
        "once",
        description="once: of samples that are the same picture, exactly or nearly, one is a candidate, with its "
        "variants; all: each counts",
    )
    edits: Edits = Field(Edits(), description="manual edits: included, excluded, relabeled, dropped and confirmed")

    @field_validator("strategy")
    @classmethod
    def _known(cls, strategy: str) -> str:
        if strategy not in SELECTORS:
            raise ValueError(unknown_name("selector", strategy, SELECTORS.names))
        return strategy

    @field_validator("within")
    @classmethod
    def _possible(cls, within: Within | None, info: ValidationInfo) -> Within | None:
        strategy = info.data.get("strategy")
        if within and (strategy, within) in (("boundary", "family"), ("self_correction", "boundary")):
            raise ValueError(f"strategy {strategy} cannot choose from the {within}; leave within out")
        return within

    @field_validator("score")
    @classmethod
    def _registered(cls, score: str) -> str:
        if score not in SCORES:
            raise ValueError(unknown_name("score", score, SCORES.names))
        return score

    @field_validator("offset")
    @classmethod
    def _offset_in_range(cls, offset: Edges, info: ValidationInfo) -> Edges:
        if info.data.get("offset_by") != "rank":
            return offset
        shares = {family: offset.of(family) or 0.0 for family in FAMILIES}
        for family, share in shares.items():
            if not 0 <= share < 1:
                raise ValueError(
                    f"{family} must be a rank share in [0, 1); 0.05 skips the hardest 5 %, and with "
                    "offset_by: score it would be an absolute score"
                )
        return Edges(**shares)

    @field_validator("floor")
    @classmethod
    def _floor_below_offset(cls, floor: Edges, info: ValidationInfo) -> Edges:
        by_rank = info.data.get("offset_by") == "rank"
        for family in FAMILIES if "offset" in info.data else ():
            edge, offset = floor.of(family), info.data["offset"].of(family)
            if edge is not None and by_rank and not offset < edge <= 1:
                raise ValueError(
                    f"{family} must be a rank share past the offset, in ({offset:g}, 1]; offset 0.05 with floor 0.6 is "
                    "the band from rank 5 % to rank 60 %"
                )
            if edge is not None and not by_rank and offset is not None and edge >= offset:
                raise ValueError(f"{family} must be a score below the offset, {offset:g}")
        return floor

    @model_validator(mode="after")
    def _chooses_by_itself(self) -> Self:
        balanced = any(self.class_balance.of(family) for family in FAMILIES)
        if self.strategy == "self_correction" and (balanced or self.variants_per_sample != "all"):
            raise ValueError(
                "strategy self_correction chooses without regard to classes and samples; set class_balance to false "
                "and variants_per_sample to all, or choose another strategy"
            )
        return self

    def strategy_of(self, family: str) -> str:
        """Return the strategy by which a family is chosen: where ``coverage`` leaves it out, boundary."""
        left_out = SELECTORS[self.strategy].by_coverage and family not in self.coverage.families
        return "boundary" if left_out else self.strategy

    def selector_of(self, family: str) -> Selector:
        """Return what chooses a family's candidates, with those of its parameters that are fields here."""
        name = self.strategy_of(family)
        mine = {
            field: getattr(self, field) for field in SELECTORS[name].model_fields if field in type(self).model_fields
        }
        selector: Selector = SELECTORS.build(name, mine)
        return selector

    def within_of(self, family: str) -> Within:
        """Return what a family's strategy chooses from."""
        strategy = self.strategy_of(family)
        return (self.within if strategy == self.strategy else None) or SELECTORS[strategy].within
