"""The base of every plug-in: typed parameters, and the registry from which every list in the product is made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    PlainSerializer,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from curation.errors import UsageError, note_plugin, note_renamed, reading, unknown_name
from curation.installed import offered


def _parse_fraction(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return float(Fraction(value.replace(" ", "")))
        except (ValueError, ZeroDivisionError):
            raise ValueError(f"{value!r} is not a number or a fraction such as 8/255") from None
    return value


def _write_fraction(value: float) -> float | str:
    levels = round(value * 255)
    return f"{levels}/255" if levels and value == levels / 255 else value


SPELLINGS = {"jpeg": "JPEG"}
"""Words of names that people write otherwise."""


def plain_name(name: str) -> str:
    """Return a kind's name as people read it wherever it is shown: JPEG compression for ``jpeg_compression``."""
    return " ".join(SPELLINGS.get(word, word) for word in name.split("_"))


PixelFloat = Annotated[float, BeforeValidator(_parse_fraction), PlainSerializer(_write_fraction)]
"""A length in pixel units, where pixels are in [0, 1]: reads 8/255, 0.03 or "8/255"; k/255 is written as such."""


class Settings(BaseModel):
    """Immutable, typed parameters: unknown fields, NaN and infinity are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    former_fields: ClassVar[Mapping[str, str]] = {}
    """Former names of fields, each with the present one: read with a note, never written."""

    @model_validator(mode="before")
    @classmethod
    def _with_present_names(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or not cls.former_fields.keys() & value.keys():
            return value
        renamed = dict(value)
        for former, present in cls.former_fields.items():
            if former in renamed and present not in renamed:
                note_renamed("field", former, present)
                renamed[present] = renamed.pop(former)
        return renamed

    @classmethod
    def parse(cls, value: Any, *, where: str | None = None) -> Self:
        """Return the settings in plain data.

        Args: where: what they are, or the file they are in; by default the class's name.
        Raises: UsageError: the field, what is allowed, the nearest right name.
        """
        source, where = where, where or cls.__name__.lower()
        if not isinstance(value, Mapping):
            first = next(iter(cls.model_fields))
            raise UsageError(f"{where}: expected fields such as `{first}:`, got {type(value).__name__}")
        try:
            with reading(source):
                return cls(**{str(key): part for key, part in value.items()})
        except ValidationError as error:
            raise UsageError(explain(error, cls, where)) from None


class Plugin(Settings):
    """One corruption, attack, score, training method, …: its fields are its parameters.

    A plug-in class sets ``name`` (its registry key, as written in recipes), ``title`` (shown to people) and raises
    ``version`` whenever its output for the same parameters changes, so that kept results are computed again.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    family: ClassVar[str] = ""
    """The noun of the family that it belongs to, which is its registry's: set by the family's base class."""
    version: ClassVar[int] = 1
    former_names: ClassVar[tuple[str, ...]] = ()
    """Names under which older recipes know it, the first one first: read with a note, never written."""

    def identity(self) -> dict[str, Any]:
        """Return what determines this plug-in's output, as plain JSON: name, version and parameters."""
        return {"name": self.name, "version": self.version, **self.model_dump(mode="json")}


def fingerprint(value: Any) -> str:
    """Return 16 hexadecimal digits (64 bits of BLAKE2b) of a JSON-serializable value; key order is irrelevant."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


P = TypeVar("P", bound=Plugin)


class Registry(Generic[P]):
    """The members of one plug-in family, by name, in the order in which they are listed: ours, then other packages'.

    Other packages' are loaded when a member is first asked for: by then all that they build on is imported.
    """

    def __init__(self, what: str, members: tuple[type[P], ...]) -> None:
        """Args: what: the family's noun, used in error sentences ("corruption"); members: the plug-in classes."""
        self.what = what
        self._members = {member.name: member for member in members}
        self._former = {former: member.name for member in members for former in member.former_names}
        if len(self._members) != len(members):
            raise ValueError(f"two {what} plug-ins share a name")
        self._packages = dict.fromkeys(self._members, "curation")
        self._complete = False

    def _all(self) -> dict[str, type[P]]:
        if not self._complete:
            found = offered(self.what)
            for package, plugin in found or ():
                self._add(package, plugin)
            self._complete = found is not None
        return self._members

    def _add(self, package: str, plugin: type[P]) -> None:
        """Add another package's plug-in, if its name is free."""
        name = plugin.name
        if name in self._members and self._members[name] is not plugin:
            note_plugin(
                f"the packages {self._packages[name]} and {package} both offer a {self.what} named {name}; the one of "
                f"{package} is left out: give it another name"
            )
            return
        self._members[name] = plugin
        self._packages[name] = package
        self._former |= {former: name for former in plugin.former_names if former not in self._former}

    def __getitem__(self, name: str) -> type[P]:
        """Return the class registered under ``name``. Raises: UsageError naming the nearest right name."""
        return self._all()[self.present_name(name)]

    def present_name(self, name: str) -> str:
        """Return a member's name, given it or a former one. Raises: UsageError naming the nearest right name."""
        members = self._all()
        if name in members:
            return name
        if name not in self._former:
            raise UsageError(unknown_name(self.what, name, members))
        note_renamed(self.what, name, self._former[name])
        return self._former[name]

    def __iter__(self) -> Iterator[type[P]]:
        return iter(self._all().values())

    def __len__(self) -> int:
        return len(self._all())

    def __contains__(self, name: object) -> bool:
        return name in self._all()

    @property
    def names(self) -> list[str]:
        """All registered names, in order."""
        return list(self._all())

    def build(self, name: str, parameters: Mapping[str, Any] | None = None) -> P:
        """Return the plug-in ``name`` with ``parameters``.

        Raises: UsageError that names the wrong field, what was allowed and the nearest right name.
        """
        member = self[name]
        try:
            return member(**(parameters or {}))
        except ValidationError as error:
            raise UsageError(explain(error, member, f"{self.what} {name}")) from None


def plugin_field(registry: Registry[P], key: str, *, usual: str | None = None) -> Any:
    """Return the annotation of a model field that holds one plug-in, written as ``{key: name, parameter: value, …}``.

    Without the key it is the ``usual`` one, where there is one. The wrong name or parameter is reported with the
    nearest right one, as ``Registry.build`` does.
    """

    def parse(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        parameters = dict(value)
        name = parameters.pop(key, usual)
        if name is None:
            raise ValueError(f"the field {key!r} is missing; known: {', '.join(registry.names)}")
        try:
            return registry.build(str(name), parameters)
        except UsageError as error:
            raise ValueError(str(error)) from None

    def write(plugin: Plugin) -> dict[str, Any]:
        return {key: plugin.name, **plugin.model_dump(mode="json")}

    return Annotated[Plugin, BeforeValidator(parse), PlainSerializer(write)]


@dataclass(frozen=True)
class MemberOf:
    """Marks a field that holds the name of a registry's member: forms and schemas offer all of them."""

    registry: Registry[Any]

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "enum": self.registry.names}


def name_field(registry: Registry[P]) -> Any:
    """Return the annotation of a field that holds a member's name; errors suggest the nearest right name."""

    def known(name: str) -> str:
        try:
            return registry.present_name(name)
        except UsageError as error:
            raise ValueError(str(error)) from None

    return Annotated[str, AfterValidator(known), MemberOf(registry)]


def explain(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """Turn pydantic's first complaint into one sentence: field, what it got, what is allowed."""
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        known = _fields_at(model, first["loc"][:-1])
        return f"{where}: {unknown_name('field', str(first['loc'][-1]), known)}{more}"
    got = first.get("input")
    shown = "" if first["type"] == "missing" or ", got " in first["msg"] else f", got {got!r}"
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {path or 'value'}: {message[:1].lower()}{message[1:]}{shown}{more}"


def _fields_at(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    current: Any = model
    for part in path:
        field = getattr(current, "model_fields", {}).get(part)
        if field is None:
            continue
        candidates = [field.annotation, *getattr(field.annotation, "__args__", ())]
        current = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), current)
    return list(getattr(current, "model_fields", {}))
