"""The ``variants`` block of a recipe: which corrupted and adversarial copies are made, and of which samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import Field, field_serializer, field_validator, model_validator

from curation.attacks import ATTACKS
from curation.corruptions import CORRUPTIONS, kinds_of
from curation.corruptions.base import Constants, Corruption
from curation.errors import UsageError
from curation.plugin import Plugin, Settings, plugin_field

if TYPE_CHECKING:
    from curation.attacks.base import Attack
else:
    Attack = plugin_field(ATTACKS, "attack")


class CorruptionSet(Settings):
    """Which corrupted copies there are of every sample: each kind at each severity."""

    kinds: list[str] = Field(
        default_factory=list,
        description="a list of names: fog, or fog/3 for a single severity; `all`: every common kind that has "
        "these constants",
    )
    severities: list[int] = Field([1, 2, 3, 4, 5], min_length=1, description="any of 1 (mild) … 5 (severe)")
    constants: Constants = Field(
        "cifar", description="cifar: tuned for 32×32; imagenet: for 224×224 and more; imgaug: the 14 of Zhong et al."
    )

    @model_validator(mode="before")
    @classmethod
    def _all_by_name(cls, value: Any) -> Any:
        """Write ``all``, the default, as its members: a recipe means the same after more kinds were added."""
        if not isinstance(value, Mapping) or value.get("kinds", "all") != "all":
            return value
        constants = value.get("constants", "cifar")
        known: Constants = constants if constants in get_args(Constants) else "cifar"  # its own field names a wrong one
        return {**value, "kinds": [kind.name for kind in kinds_of(known)]}

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: list[str]) -> list[str]:
        present = []
        for kind in kinds:
            name, slash, severity = kind.partition("/")
            try:
                present.append(f"{CORRUPTIONS.present_name(name)}{slash}{severity}")
            except UsageError as error:
                raise ValueError(str(error)) from None
            if severity not in ("", "1", "2", "3", "4", "5") or kind.endswith("/"):
                raise ValueError(f"{kind!r}: after the slash comes a severity, 1 to 5, e.g. {name}/3")
        return present

    @field_validator("severities")
    @classmethod
    def _in_range(cls, severities: list[int]) -> list[int]:
        for severity in severities:
            if not 1 <= severity <= 5:
                raise ValueError(f"severity must be 1, 2, 3, 4 or 5, got {severity}")
        return sorted(set(severities))

    @model_validator(mode="after")
    def _has_constants(self) -> CorruptionSet:
        try:
            self.members()
        except UsageError as error:
            raise ValueError(str(error)) from None
        return self

    def members(self) -> list[Corruption]:
        """Return every (kind, severity) as a plug-in, in a fixed order."""
        wanted: set[tuple[str, int]] = set()
        for kind in self.kinds:
            name, _, own = kind.partition("/")
            wanted |= {(name, severity) for severity in ([int(own)] if own else self.severities)}
        return [
            CORRUPTIONS.build(name, {"severity": severity, "constants": self.constants})
            for name, severity in sorted(wanted)
        ]


class CorruptedCopies(CorruptionSet):
    """Which corrupted copies are candidates, and whether they are also kept as files.

    What is selected and exported is the same.
    """

    keep: Literal["none", "all"] = Field(
        "none",
        description="which corrupted copies are kept as files; none: each is made again where it is looked at or "
        "exported, the same to the bit; all: more disk for less work",
    )


class Variants(Settings):
    """Which derived images are made; None: none of that family. A recipe writes one attack, or a list of them."""

    corruption: CorruptedCopies | None = Field(default_factory=CorruptedCopies)
    adversarial: tuple[Attack, ...] = Field(default_factory=lambda: (ATTACKS.build("pgd"),), max_length=16)
    samples: Annotated[int, Field(ge=1)] | list[int] | None = Field(
        None, description="which samples: a number, drawn by class, or a list of sample ids; None: all"
    )

    def plus(self, other: Variants) -> Variants:
        """Return these variants and others, all of this block's samples.

        Raises: UsageError when the corruptions have different constants: they are never mixed.
        """
        mine, theirs = self.corruption, other.corruption
        if mine and theirs and mine.constants != theirs.constants:
            raise UsageError(
                f"the recipe's corruptions have {mine.constants} constants, these {theirs.constants}; keep to one"
            )
        corruption = mine or theirs
        if mine and theirs:
            members = [f"{member.name}/{member.severity}" for member in [*mine.members(), *theirs.members()]]
            corruption = mine.model_copy(update={"kinds": list(dict.fromkeys(members))})
        attacks = [*self.adversarial, *(attack for attack in other.adversarial if attack not in self.adversarial)]
        return self.model_copy(update={"corruption": corruption, "adversarial": tuple(attacks)})

    @field_validator("adversarial", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        if value is None:
            return ()
        return (value,) if isinstance(value, Mapping | Plugin) else value

    @field_validator("adversarial")
    @classmethod
    def _different(cls, attacks: tuple[Attack, ...]) -> tuple[Attack, ...]:
        for index, attack in enumerate(attacks):
            if attack in attacks[:index]:
                raise ValueError(f"{attack.name} is listed twice with the same parameters; list it once")
        return attacks

    @field_serializer("adversarial")
    def _written(self, attacks: tuple[Attack, ...]) -> Any:
        written = [{"attack": attack.name, **attack.model_dump(mode="json")} for attack in attacks]
        return written[0] if len(written) == 1 else written or None
