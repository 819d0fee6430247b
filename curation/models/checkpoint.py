"""The weights in a file, other people's included: read without running code, and found however deep they lie."""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from curation.errors import CurationError

PICKLED = (b"PK", b"\x80")
"""How files that ``torch.save`` or ``pickle`` wrote begin."""

PLAIN = {"state_dict", "model_state_dict", "model", "net", "network", "weights", "params", "module"}
"""Keys under which training scripts keep the state dict; weights under any other are named in a remark."""

AVERAGED = {"ema", "swa", "shadow", "average", "averaged", "avg"}
"""Words that a key or prefix holds where the weights under it are an average over training steps."""

COUNTERS = {"n_averaged", "num_updates", "initted", "step", "decay"}
"""What averaging keeps beside the weights."""

WRAPPERS = re.compile(r"\b(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
"""Parts of names that compiling and sharding put in, anywhere."""

STATISTICS = {
    "mean": "mean",
    "mu": "mean",
    "pixel_mean": "mean",
    "std": "std",
    "sigma": "std",
    "pixel_std": "std",
}
"""Last part of a name → which buffer of a classifier it is: normalization that was saved with the weights."""

DEPTH = 4
"""How deep the nests of a checkpoint are looked through."""


class Weights(NamedTuple):
    """One state dict out of a file.

    tensors: by the network's own names where they fit, others as they stand; statistics: ``mean`` and ``std`` where the
    file has them, float32, of any shape; remarks: sentences for people on what was taken.
    """

    tensors: dict[str, Tensor]
    statistics: dict[str, Tensor]
    remarks: list[str]


class _Choice(NamedTuple):
    path: tuple[str, ...]
    prefix: str
    fits: int

    @property
    def name(self) -> str:
        """How people find it in the file."""
        return " › ".join(repr(part) for part in (*self.path, *([self.prefix] if self.prefix else [])))

    @property
    def averaged(self) -> bool:
        return bool(AVERAGED & set(re.split(r"[^a-z]+", f"{' '.join(self.path)} {self.prefix}".lower())))


def read_weights(path: Path, expected: Mapping[str, Tensor]) -> Weights:
    """Return the state dict in a file that fits a network best.

    Args: expected: the network's own state dict.
    Raises: CurationError: the file is missing, damaged, would run code, holds no weights or quantized ones, or several
        that fit equally well. An average over training steps goes before what was averaged, which a remark says.
    """
    content = _content(path)
    nests = dict(_nests(content))
    nests = {key: tensors for key, tensors in nests.items() if tensors}
    if not nests:
        raise CurationError(
            f"weights file {path} holds no weights by name{_held(content)}; expected a state dict, bare or under "
            "'state_dict'"
        )
    choices = [choice for key, tensors in nests.items() for choice in _choices(key, tensors, expected)]
    best = max(choice.fits for choice in choices)
    choices = [choice for choice in choices if choice.fits == best]
    if 2 * best < len(expected):  # of another architecture: its largest part tells of which
        choices = [max(choices, key=lambda choice: (len(nests[choice.path]), -len(choice.prefix)))]
    chosen, remarks = _chosen(choices, nests, expected, path)
    tensors = nests[chosen.path]
    others = tuple(choice.prefix for choice in choices if choice.path == chosen.path and choice.prefix != chosen.prefix)
    found = {
        name.removeprefix(chosen.prefix): value
        for name, value in tensors.items()
        if name not in COUNTERS and not (others and name.startswith(others) and not name.startswith(chosen.prefix))
    }
    _check_kind(found, path)
    return Weights(found, _statistics(content, chosen.path, found, expected), remarks)


def _content(path: Path) -> Any:
    """Return what lies in a file, tensors by name at its simplest."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise CurationError(f"there is no weights file {path}") from None
    except OSError as error:
        raise CurationError(f"weights file {path} cannot be read: {error.strerror}") from None
    damaged = CurationError(
        f"weights file {path} is damaged or of another format; expected safetensors or a PyTorch state dict"
    )
    if data[8:9] == b"{":
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            return load(data)
        except SafetensorError:
            raise damaged from None
    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        if not data.startswith(PICKLED):
            raise damaged from None
        raise CurationError(
            f"weights file {path} holds Python objects besides tensors; loading them could run code, so nothing was "
            "loaded: save it again as safetensors or as a plain state dict"
        ) from None
    except Exception:  # a damaged file fails anywhere inside the reader
        raise damaged from None


def _mappings(content: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Mapping[Any, Any]]]:
    """Yield every nest of a checkpoint but an optimizer's, the outermost first."""
    if not isinstance(content, Mapping) or "param_groups" in content:
        return
    yield path, content
    if len(path) < DEPTH:
        for key, value in content.items():
            yield from _mappings(value, (*path, str(key)))


def _nests(content: Any) -> Iterator[tuple[tuple[str, ...], dict[str, Tensor]]]:
    for path, mapping in _mappings(content):
        yield (
            path,
            {WRAPPERS.sub("", str(name)): value for name, value in mapping.items() if isinstance(value, Tensor)},
        )


def _held(content: Any) -> str:
    if not isinstance(content, Mapping) or not content:
        return ""
    names = [repr(str(key)) for key in content]
    return f" (it holds {', '.join(names[:6])}{' …' if len(names) > 6 else ''})"


def _choices(path: tuple[str, ...], tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> list[_Choice]:
    """Return the prefixes, as wrappers add them, under which most of the expected names are found in one nest."""
    prefixes = {""}
    for name in tensors:
        parts = name.split(".")
        prefixes |= {".".join(parts[:depth]) + "." for depth in range(1, min(4, len(parts)))}
    fits = {prefix: sum(prefix + name in tensors for name in expected) for prefix in prefixes}
    best = max(fits.values())
    if best == 0:
        return [_Choice(path, "", 0)]
    return [_Choice(path, prefix, best) for prefix in sorted(prefixes) if fits[prefix] == best]


def _chosen(
    choices: Sequence[_Choice], nests: Mapping[Any, dict[str, Tensor]], expected: Mapping[str, Tensor], path: Path
) -> tuple[_Choice, list[str]]:
    """Return which weights are taken, and what people should know of that. Raises: CurationError: nothing tells."""

    def alike(one: _Choice, other: _Choice) -> bool:
        ours, theirs = nests[one.path], nests[other.path]
        pairs = [(ours.get(one.prefix + name), theirs.get(other.prefix + name)) for name in expected]
        return all(a is b or (a is not None and b is not None and _equal(a, b)) for a, b in pairs)

    distinct: list[_Choice] = []
    for choice in choices:
        if not any(alike(choice, other) for other in distinct):
            distinct.append(choice)
    averaged = [choice for choice in distinct if choice.averaged]
    if len(distinct) > 1 and len(averaged) != 1:
        names = ", ".join(choice.name or "the file itself" for choice in distinct)
        raise CurationError(
            f"weights file {path} holds several sets of weights that fit: {names}; save the one that is meant in a "
            "file of its own"
        )
    chosen = (averaged or distinct)[0]
    what = "averaged (EMA) weights" if chosen.averaged else "weights"
    rest = [choice.name or "the file itself" for choice in distinct if choice is not chosen]
    if chosen.averaged or set(chosen.path) - PLAIN:
        instead = f", not those under {', '.join(rest)}" if rest else ""
        return chosen, [f"weights file {path}: the {what} under {chosen.name} were taken{instead}"]
    return chosen, []


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and torch.equal(a, b)


def _check_kind(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raises: CurationError: weights that are not plain floating-point numbers."""
    for name, value in tensors.items():
        counter = name.rpartition(".")[2] == "num_batches_tracked"
        if value.is_quantized or "_packed_params" in name or not (counter or value.dtype in _DTYPES):
            dtype = str(value.dtype).removeprefix("torch.")
            raise CurationError(
                f"weights file {path} holds quantized or whole-number weights ({name} is {dtype}); use the "
                "floating-point weights that they were made from"
            )
        if value.layout != torch.strided or value.is_meta:
            raise CurationError(f"weights file {path} holds {name} without its values or sparse; save it as it is")
        if not counter and not torch.isfinite(value).all():
            raise CurationError(f"weights file {path} holds NaN or infinite numbers in {name}; use other weights")


_DTYPES = {torch.float16, torch.bfloat16, torch.float32, torch.float64}


def _statistics(
    content: Any, path: tuple[str, ...], tensors: dict[str, Tensor], expected: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Take the normalization out of the tensors, or find it beside them in the checkpoint."""
    found: dict[str, Tensor] = {}
    for name in [name for name in tensors if name not in expected and name.rpartition(".")[2] in STATISTICS]:
        found[STATISTICS[name.rpartition(".")[2]]] = tensors.pop(name)
    if found or not path:
        return {name: value.float() for name, value in found.items()}
    for _, mapping in _mappings(content):
        beside = {STATISTICS[str(key)]: value for key, value in mapping.items() if str(key) in STATISTICS}
        if set(beside) == {"mean", "std"}:
            try:
                return {name: torch.as_tensor(value, dtype=torch.float32) for name, value in beside.items()}
            except (TypeError, ValueError, RuntimeError):
                continue  # under these names lies something else
    return {}
