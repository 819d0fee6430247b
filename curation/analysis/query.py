"""Queries over candidates: an expression such as ``family == "corruption" and entropy > 1.2 and not chosen``.

The grammar is a part of Python's: names of fields, numbers and quoted words; ``==``, ``!=``, ``<``, ``<=``, ``>``,
``>=``, chained as in ``.2 <= entropy < .5``; ``in`` and ``not in`` a list; ``and``, ``or``, ``not``; parentheses. It is
parsed and looked up, never executed.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from curation.errors import UsageError, some_of, unknown_name

LONGEST = 2000
"""Characters of a query at most."""

MOST = 1e300
"""The largest number of a query."""

Mask = NDArray[np.bool_]

_COMPARES: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
}
_TURNED = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}


@dataclass(frozen=True)
class Field:
    """What a query may ask of each of N candidates.

    Attributes:
        name: as written in a query.
        title: shown to people.
        kind: ``number``: floats or integers, NaN where there is none; ``category``: integers below the number of
            names, negative where there is none; ``flag``: bool; ``text``: words; ``tags``: a bool column a name.
        read: returns the values, N, or N×names for ``tags``; called where a query names the field.
        names: of the categories or the tags.
    """

    name: str
    title: str
    kind: Literal["number", "category", "flag", "text", "tags"]
    read: Callable[[], NDArray[Any]]
    names: Sequence[str] = ()

    @cached_property
    def values(self) -> NDArray[Any]:
        """What ``read`` returned, read once."""
        return self.read()

    @property
    def known(self) -> Mask:
        """Which candidates have a value, bool N."""
        if self.kind == "number" and self.values.dtype.kind == "f":
            found: Mask = ~np.isnan(self.values)
            return found
        return self.values >= 0 if self.kind == "category" else np.ones(len(self.values), bool)


class Query:
    """A query that was understood.

    text: as it was written; clauses: the conditions of which all must hold, each a query of its own, as text.
    """

    def __init__(self, text: str, fields: Mapping[str, Field]) -> None:
        """Args: text: empty: all candidates. Raises: UsageError: one sentence that says what was not understood."""
        self.text, self.fields = text.strip(), fields
        self._tree = _parsed(self.text) if self.text else None
        if self._tree is not None:
            _check(self._tree, fields)

    @property
    def clauses(self) -> list[str]:
        """The conditions that must hold together."""
        tree = self._tree
        if tree is None:
            return []
        parts = tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else [tree]
        return [ast.get_source_segment(self.text, part) or ast.unparse(part) for part in parts]

    def mask(self, count: int) -> Mask:
        """Return which candidates match, bool N. Args: count: N."""
        return np.ones(count, bool) if self._tree is None else _mask(self._tree, self.fields)


def both(clauses: Iterable[str]) -> str:
    """Return the query that asks for all of some clauses."""
    found = [clause for clause in clauses if clause]
    return " and ".join(f"({clause})" if len(found) > 1 and _is_either(clause) else clause for clause in found)


def _is_either(clause: str) -> bool:
    tree = _parsed(clause)
    return isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.Or)


def any_of(field: Field, names: Sequence[str]) -> str:
    """Return the clause for candidates that are one of some categories, or have one of some tags."""
    if field.kind == "tags":
        return " or ".join(f"{quoted(name)} in {field.name}" for name in names)
    if len(names) == 1:
        return f"{field.name} == {quoted(names[0])}"
    return f"{field.name} in [{', '.join(map(quoted, names))}]"


def between(field: Field, low: float | None, high: float | None) -> str:
    """Return the clause for a number within bounds, both included; None: no bound."""
    if low is not None and high is not None:
        return f"{low:g} <= {field.name} <= {high:g}"
    return f"{field.name} >= {low:g}" if low is not None else f"{field.name} <= {high:g}" if high is not None else ""


def quoted(word: str) -> str:
    """Return a word as a query writes it."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def order_by(field: Field, rows: np.ndarray, *, falling: bool) -> np.ndarray:
    """Return rows, int64, by a field; equal ones keep their order, those without a value come last."""
    if field.kind == "tags":
        raise UsageError(f"{field.title} cannot be sorted by; choose another column")
    values = field.values[rows]
    if field.kind == "text":
        values = np.unique(values.astype(str), return_inverse=True)[1]
    elif field.kind == "category":
        place = np.argsort(np.argsort(np.array(field.names, dtype=str), kind="stable"), kind="stable")
        values = np.where(values >= 0, place[np.maximum(values, 0)], -1) if len(place) else values
    keys = values.astype(np.float64)
    without = ~field.known[rows]
    return rows[np.lexsort((-keys if falling else keys, without))]


@dataclass(frozen=True)
class Looked:
    """What is looked at of N candidates: mask: bool N, which match a query; sort: the name of a field, - before it:
    falling; nothing: in the order in which they are given."""

    fields: Mapping[str, Field]
    query: Query
    mask: Mask
    sort: str

    @property
    def filters(self) -> bool:
        """Whether it leaves any candidate out."""
        return bool(self.query.text)

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """Return which of some candidates, int64, match, in the order that is asked for, else in theirs."""
        found = rows[self.mask[rows]]
        field = self.fields.get(self.sort.removeprefix("-"))
        return found if field is None else order_by(field, found, falling=self.sort.startswith("-"))

    @property
    def words(self) -> str:
        """In which order they are, in words."""
        field = self.fields.get(self.sort.removeprefix("-"))
        if field is None:
            return "hardest first"
        return f"by {field.title.lower()}, {'highest' if self.sort.startswith('-') else 'lowest'} first"


def look(fields: Mapping[str, Field], text: str, sort: str, count: int) -> Looked:
    """Return what a query and an order ask for of so many candidates. Raises: UsageError: it is no query."""
    query = Query(text, fields)
    return Looked(fields, query, query.mask(count), sort)


def _parsed(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise UsageError(f"a query may have {LONGEST:,} characters at most, got {len(text):,}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python does not know
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        at = f" near {text[max(0, error.offset - 1) :][:20]!r}" if error.offset and error.offset <= len(text) else ""
        raise UsageError(
            f'the query cannot be read{at}; write it like: family == "corruption" and entropy > 1.2'
        ) from None
    except (ValueError, RecursionError, MemoryError):
        raise UsageError("the query cannot be read: it is nested too deeply, or holds a character of no text") from None


def _refuse(node: ast.AST, why: str = "") -> UsageError:
    return UsageError(
        f"a query cannot hold {ast.unparse(node)!r}{why}; it compares fields with numbers or quoted words, by and, or, "
        "not, in"
    )


def _check(node: ast.expr, fields: Mapping[str, Field]) -> None:
    """Raises: UsageError where a tree is no query over these fields."""
    if isinstance(node, ast.BoolOp):
        for part in node.values:
            _check(part, fields)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        _check(node.operand, fields)
    elif isinstance(node, ast.Compare):
        for left, op, right in _pairs(node):
            _check_pair(node, left, op, right, fields)
    elif isinstance(node, ast.Name):
        if _field(node, fields).kind != "flag":
            raise UsageError(
                f"{node.id} is not yes or no; compare it with something, such as {_example(fields[node.id])}"
            )
    else:
        raise _refuse(node)


def _check_pair(whole: ast.expr, left: ast.expr, op: ast.cmpop, right: ast.expr, fields: Mapping[str, Field]) -> None:
    if isinstance(op, ast.In | ast.NotIn):
        _check_in(whole, left, right, fields)
        return
    if type(op) not in _COMPARES:
        raise _refuse(whole, ", for it uses 'is'")
    sides = [_field(side, fields) for side in (left, right) if isinstance(side, ast.Name)]
    if not sides:
        raise _refuse(whole, ", for it names no field")
    first = sides[0]
    ordered = not isinstance(op, ast.Eq | ast.NotEq)
    if ordered and first.kind != "number":
        raise UsageError(f"{first.name} is no number; ask {_example(first)}")
    if len(sides) == 2:
        second = sides[1]
        alike = first.kind == second.kind and first.kind != "tags" and list(first.names) == list(second.names)
        if not alike:
            raise UsageError(f"{first.name} and {second.name} cannot be compared with each other")
        return
    _check_value(first, _value(right if isinstance(left, ast.Name) else left))


def _check_in(whole: ast.expr, left: ast.expr, right: ast.expr, fields: Mapping[str, Field]) -> None:
    if isinstance(left, ast.Name) and isinstance(right, ast.List | ast.Tuple | ast.Set):
        for each in right.elts:
            _check_value(_field(left, fields), _value(each))
        return
    if isinstance(left, ast.Constant) and isinstance(left.value, str) and isinstance(right, ast.Name):
        field = _field(right, fields)
        if field.kind == "tags":
            if left.value not in field.names:
                raise UsageError(_unknown(field, left.value))
            return
        if field.kind == "text":
            return
        raise UsageError(f"{field.name} is no text; ask {_example(field)}")
    raise _refuse(whole)


def _check_value(field: Field, value: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and not -MOST <= value <= MOST:
        raise UsageError(f"numbers of a query lie within ±{MOST:g}")
    if field.kind == "tags":
        raise UsageError(f"{field.name} are several words; ask {_example(field)}")
    if field.kind == "number" and not number:
        raise UsageError(f"{field.name} is a number, and {value!r} is none; ask {_example(field)}")
    if field.kind == "flag" and not isinstance(value, bool):
        raise UsageError(f"{field.name} is yes or no; ask {_example(field)}")
    if field.kind in ("category", "text") and not isinstance(value, str):
        raise UsageError(f"{field.name} is a word, and {value!r} is none; ask {_example(field)}")
    if field.kind == "category" and value not in field.names:
        raise UsageError(_unknown(field, value))


def _unknown(field: Field, value: str) -> str:
    if len(field.names) > 30:
        return f"{field.name} is never {value!r}; it is one of {some_of(field.names, 8)}"
    return unknown_name(f"value of {field.name}", value, field.names) if field.names else f"no sample has {field.name}"


def _example(field: Field) -> str:
    word = quoted(field.names[0] if field.names else "…")
    return {
        "number": f"{field.name} > 0.5",
        "category": f"{field.name} == {word}",
        "flag": f"{field.name}, or not {field.name}",
        "text": f'"…" in {field.name}',
        "tags": f"{word} in {field.name}",
    }[field.kind]


def _field(node: ast.expr, fields: Mapping[str, Field]) -> Field:
    assert isinstance(node, ast.Name)
    if node.id not in fields:
        raise UsageError(unknown_name("field", node.id, fields))
    return fields[node.id]


def _value(node: ast.expr) -> Any:
    """Return a constant. Raises: UsageError: it is none."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _value(node.operand)
        if isinstance(inner, int | float) and not isinstance(inner, bool):
            return -inner
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str | bool):
        return node.value
    raise _refuse(node)


def _pairs(node: ast.Compare) -> Iterable[tuple[ast.expr, ast.cmpop, ast.expr]]:
    return zip([node.left, *node.comparators], node.ops, node.comparators, strict=False)


def _mask(node: ast.expr, fields: Mapping[str, Field]) -> Mask:
    """Return which candidates match a tree that was checked; a candidate without a value matches no comparison."""
    if isinstance(node, ast.BoolOp):
        join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        return reduce(join, [_mask(part, fields) for part in node.values])
    if isinstance(node, ast.UnaryOp):
        return ~_mask(node.operand, fields)
    if isinstance(node, ast.Name):
        return _field(node, fields).values.astype(bool)
    assert isinstance(node, ast.Compare)
    return reduce(np.logical_and, [_compared(left, op, right, fields) for left, op, right in _pairs(node)])


def _compared(left: ast.expr, op: ast.cmpop, right: ast.expr, fields: Mapping[str, Field]) -> Mask:
    if isinstance(op, ast.In | ast.NotIn):
        found, known = _held(left, right, fields)
        return ~found & known if isinstance(op, ast.NotIn) else found & known
    if isinstance(left, ast.Name) and isinstance(right, ast.Name):
        one, other = _field(left, fields), _field(right, fields)
        said: Mask = _COMPARES[type(op)][1](one.values, other.values) & one.known & other.known
        return said
    if not isinstance(left, ast.Name):
        left, right = right, left
        op = _TURNED.get(type(op), type(op))()
    field = _field(left, fields)
    matches: Mask = _COMPARES[type(op)][1](field.values, _coded(field, _value(right))) & field.known
    return matches


def _held(left: ast.expr, right: ast.expr, fields: Mapping[str, Field]) -> tuple[Mask, Mask]:
    """Return which candidates are one of a list or hold a word, and which have a value."""
    if isinstance(left, ast.Name):
        assert isinstance(right, ast.List | ast.Tuple | ast.Set)
        field = _field(left, fields)
        wanted = [_coded(field, _value(each)) for each in right.elts]
        return np.isin(field.values, wanted), field.known
    word, field = _value(left), _field(right, fields)
    if field.kind == "tags":
        return field.values[:, list(field.names).index(word)].astype(bool), field.known
    return np.char.find(np.char.lower(field.values.astype(str)), word.lower()) >= 0, field.known


def _coded(field: Field, value: Any) -> Any:
    if field.kind == "category":
        return list(field.names).index(value)
    return float(value) if field.kind == "number" else value
