"""The pool: a table with one row per candidate, and the permanent names of candidates."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from curation.errors import CurationError, UsageError

FAMILIES = ("clean", "corruption", "adversarial")
"""The three families, in the order in which everything lists them."""

CODE_BITS = 20
"""``candidate_id >> CODE_BITS`` is the sample_id; the low bits say which variant of that sample it is."""

_SAMPLES = 2 ** (53 - CODE_BITS)


@lru_cache(maxsize=4096)
def variant_code(kind: str, severity: int) -> int:
    """Return the low 20 bits of a candidate_id: 0 for clean, else 16 bits of the kind's BLAKE2b × 16 + severity.

    It depends on nothing else, so that a candidate keeps its id whichever other kinds the recipe asks for.
    Raises: UsageError when severity is not in 0 … 15.
    """
    if not 0 <= severity < 16:
        raise UsageError(f"severity of {kind} must be in 0 … 15, got {severity}")
    if kind == "clean":
        return 0
    return int.from_bytes(hashlib.blake2b(kind.encode(), digest_size=2).digest(), "little") * 16 + severity


def variant_name(kind: str, severity: int) -> str:
    """Return how people and recipes write a variant: ``clean``, ``fog/3`` or ``pgd``."""
    return f"{kind}/{severity}" if severity else kind


def candidate_name(sample_id: int, kind: str, severity: int) -> str:
    """Return how people and recipes write a candidate: ``17`` (clean), ``17/fog/3`` or ``17/pgd``."""
    return str(sample_id) if kind == "clean" else f"{sample_id}/{variant_name(kind, severity)}"


class Candidate(NamedTuple):
    """One candidate as people write it."""

    sample_id: int
    kind: str
    severity: int

    @property
    def id(self) -> int:
        """Its candidate_id, an int below 2⁵³ (exact in JSON and in JavaScript)."""
        return (self.sample_id << CODE_BITS) + variant_code(self.kind, self.severity)


def parse_candidate(text: str | int) -> Candidate:
    """Return the candidate that ``candidate_name`` wrote. Raises: UsageError showing the three right forms."""
    sample, *rest = str(text).strip().split("/")
    kind, *severity = rest or ["clean"]
    plain = sample.isascii() and sample.isdigit() and int(sample) < _SAMPLES
    graded = not severity or (len(severity) == 1 and severity[0].isascii() and severity[0].isdigit())
    if plain and kind and graded and not (rest and kind == "clean") and int((severity or ["1"])[0]) in range(1, 16):
        return Candidate(int(sample), kind, int(severity[0]) if severity else 0)
    raise UsageError(f"{str(text)!r} is not a candidate; write 17 (clean), 17/fog/3 (kind and severity) or 17/pgd")


class Part(NamedTuple):
    """The scores of one image set: a row an image, of the samples in ``sample_rows`` (int64, rising; None: of all)."""

    family: str
    kind: str
    severity: int
    scores: pd.DataFrame
    sample_rows: np.ndarray | None = None


def build_pool(
    sample_ids: np.ndarray, labels: np.ndarray, parts: Iterable[Part], *, same_as: np.ndarray | None = None
) -> pd.DataFrame:
    """Return the table of all candidates, by family and then by rising candidate_id.

    Args:
        sample_ids: int64 N, different, each in [0, 2³³).
        labels: integer N.
        parts: one for each image set; kind is "clean" and severity 0 for the clean one, severity tells attacks of one
            name apart; the scores have the columns prediction, entropy (nats), gini, margin (p₁ − p₂) and more.
        same_as: int64 N, the id of the first sample that is the same picture; None: it was not looked for.

    Returns: candidate_id and sample_id (and same_as) int64; family and kind categorical; severity int8; label and
        prediction int32; every score float32.
    Raises: CurationError when a part has too few or too many rows, or when two parts would share candidate_ids.
    """
    sample_ids = np.asarray(sample_ids, dtype=np.int64)
    labels = np.asarray(labels).astype(np.int32)
    parts = [Part(*part) for part in parts]
    if len(sample_ids) and not (sample_ids.min() >= 0 and sample_ids.max() < _SAMPLES):
        raise CurationError(f"sample_id must be in [0, 2^33), got {sample_ids.min()} … {sample_ids.max()}")
    _check_codes(parts)
    kinds = sorted({part.kind for part in parts})
    tables = []
    for family in FAMILIES:
        members = [part for part in parts if part.family == family]
        if not members:
            continue
        ids, theirs, firsts = [], [], []
        for part in members:
            ids.append(sample_ids if part.sample_rows is None else sample_ids[part.sample_rows])
            theirs.append(labels if part.sample_rows is None else labels[part.sample_rows])
            if same_as is not None:
                firsts.append(same_as if part.sample_rows is None else same_as[part.sample_rows])
            if len(part.scores) != len(ids[-1]):
                where = f"{part.kind} at severity {part.severity}"
                raise CurationError(
                    f"{where}: {len(part.scores)} rows of scores for {len(ids[-1])} samples; score again"
                )
        counts = [len(some) for some in ids]
        columns: dict[str, np.ndarray] = {
            "candidate_id": np.concatenate(
                [(some << CODE_BITS) + variant_code(m.kind, m.severity) for some, m in zip(ids, members, strict=True)]
            ),
            "sample_id": np.concatenate(ids),
            "kind": np.repeat(np.array([kinds.index(m.kind) for m in members], dtype=np.int16), counts),
            "severity": np.repeat(np.array([m.severity for m in members], dtype=np.int8), counts),
            "label": np.concatenate(theirs),
        }
        if firsts:
            columns["same_as"] = np.concatenate(firsts)
        for name in members[0].scores.columns:
            values = np.concatenate([m.scores[name].to_numpy() for m in members])
            columns[name] = values.astype(np.float32 if values.dtype.kind == "f" else np.int32)
        order = np.argsort(columns["candidate_id"], kind="stable")
        table = pd.DataFrame({name: values[order] for name, values in columns.items()})
        codes = np.full(len(table), FAMILIES.index(family))
        table.insert(2, "family", pd.Series(pd.Categorical.from_codes(codes, pd.Index(FAMILIES))))
        tables.append(table)
    if not tables:
        raise CurationError("there are no candidates; the pool needs at least the clean images")
    pool = pd.concat(tables, ignore_index=True)
    pool["kind"] = pd.Categorical.from_codes(pool["kind"].to_numpy(), pd.Index(kinds))
    return pool


def _check_codes(parts: list[Part]) -> None:
    seen: dict[int, str] = {}
    for family, kind, severity, *_ in parts:
        if family not in FAMILIES:
            raise CurationError(f"family must be one of {', '.join(FAMILIES)}, got {family!r}")
        name = f"{kind} at severity {severity}"
        other = seen.setdefault(variant_code(kind, severity), name)
        if other != name or list(seen.values()).count(name) != 1:
            raise CurationError(f"{name} and {other} would share candidate ids; rename one of the kinds")
    if len(seen) != len(parts):
        raise CurationError("the same kind and severity is given twice to the pool; give each image set once")
