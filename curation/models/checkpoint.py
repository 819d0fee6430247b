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

from curation.errors import CurationError, some_of
from curation.models.normalization import beside, taken_out

PICKLED = (b"PK", b"\x80")
"""How files that ``torch.save`` or ``pickle`` wrote begin."""

PLAIN = {"state_dict", "model_state_dict", "model", "net", "network", "weights", "params", "module"}
"""Keys under which training scripts keep the state dict; weights under any other are named in a remark."""

AVERAGED = {"ema", "swa", "shadow", "average", "averaged", "avg", "moving", "polyak"}
"""Words that a key or prefix holds where the weights under it are an average over training steps."""

COUNTERS = {"n_averaged", "num_updates", "initted", "step", "decay"}
"""What averaging keeps beside the weights."""

WRAPPERS = re.compile(r"\b(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
"""Parts of names that compiling and sharding put in, anywhere."""

FORMER = (
    (re.compile(r"(\bdenselayer\d+\.(?:norm|conv))\.([12]\.)"), r"\1\2"),
    (re.compile(r"(\bencoder_layer_\d+\.mlp)\.linear_1\."), r"\1.0."),
    (re.compile(r"(\bencoder_layer_\d+\.mlp)\.linear_2\."), r"\1.3."),
)
"""Names in files that torchvision publishes (DenseNet, ViT), each with the present one; it renames them likewise."""

RUNNING = ("running_mean", "running_var", "num_batches_tracked")
"""What batch norm keeps besides parameters: averages of the weights often lack it."""


DETECTOR = "detector."
"""How names begin, in files of ours, of what was trained along with the network; the frozen network that it looks at
is ``pretrained`` in it."""

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
    def where(self) -> str:
        """The same, in the outermost nest too."""
        return self.name or "the file itself"

    @property
    def averaged(self) -> bool:
        return is_average(*self.path, self.prefix)


def is_average(*names: str) -> bool:
    """Whether names say that what is under them is an average over training steps: ``model_ema``, ``emaModel``."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", " ".join(names))
    return bool(AVERAGED & {word.lower() for word in words})


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
    lacking, choices = choices, [choice for choice in choices if choice.fits == best]
    completed = _completed(lacking, choices[0], nests, expected)
    choices += completed
    if 2 * best < len(expected):  # of another architecture: its largest part tells of which
        choices = [max(choices, key=lambda choice: (len(nests[choice.path]), -len(choice.prefix)))]
    chosen, remarks = _chosen(choices, nests, expected, path)
    if chosen in completed:
        remarks = [f"{remarks[0]}; they lack running statistics, which are those under {choices[0].where}"]
    others = tuple(choice.prefix for choice in choices if choice.path == chosen.path and choice.prefix != chosen.prefix)
    found = {
        name.removeprefix(chosen.prefix): value
        for name, value in nests[chosen.path].items()
        if name not in COUNTERS and not (others and name.startswith(others) and not name.startswith(chosen.prefix))
    }
    statistics = taken_out(found, expected)
    if not statistics and chosen.path:
        first = next((value for value in expected.values() if value.ndim == 4), None)
        maps = (mapping for _, mapping in _mappings(content))
        statistics = beside(maps, channels=None if first is None else first.shape[1])
    remarks += _left_out(found, chosen, expected, path) + _without_names(content, path)
    _check_kind(found, expected, path)
    return Weights(found, statistics, remarks)


def read_detector(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a detector that a file of ours holds beside the network's, by the detector's own names."""
    content = _content(path)
    named = content.items() if isinstance(content, Mapping) else ()
    return {
        str(name).removeprefix(DETECTOR): value
        for name, value in named
        if str(name).startswith(DETECTOR) and isinstance(value, Tensor)
    }


def _completed(
    choices: Sequence[_Choice], full: _Choice, nests: dict[Any, dict[str, Tensor]], expected: Mapping[str, Tensor]
) -> list[_Choice]:
    """Return the averages that have every parameter and lack running statistics; in the nests they get the full one's.

    Training scripts that average parameters only use them so: everything else is the network's own.
    """
    parameters = [name for name in expected if name.rpartition(".")[2] not in RUNNING]
    found = []
    for choice in choices:
        tensors = nests[choice.path]
        whole = choice.fits < full.fits == len(expected) and all(choice.prefix + name in tensors for name in parameters)
        if choice.averaged and whole:
            own = {choice.prefix + name: nests[full.path][full.prefix + name] for name in expected}
            nests[choice.path] = own | tensors
            found.append(choice._replace(fits=full.fits))
    return found


def _left_out(found: dict[str, Tensor], chosen: _Choice, expected: Mapping[str, Tensor], path: Path) -> list[str]:
    """Take out what is no part of a wrapped network, such as a metric's counts, and say so."""
    if not chosen.prefix or not all(name in found for name in expected):
        return []
    inside = {name for name in found if name in expected or name.startswith(_tops(expected))}
    outside = [name for name in found if name not in inside]
    for name in outside:
        del found[name]
    averages = [name for name in outside if is_average(name.partition(".")[0])]
    if averages:
        return [_not_taken(path, averages[0])]
    return [f"weights file {path}: left out what is no part of the network: {some_of(outside)}"] if outside else []


def _tops(expected: Mapping[str, Tensor]) -> tuple[str, ...]:
    return tuple({f"{name.partition('.')[0]}." for name in expected})


def _without_names(content: Any, path: Path) -> list[str]:
    for where, mapping in _mappings(content):
        for key, value in mapping.items():
            listed = isinstance(value, list | tuple) and value and all(isinstance(one, Tensor) for one in value)
            if listed and is_average(str(key)):
                return [_not_taken(path, ".".join((*where, str(key))))]
    return []


def _not_taken(path: Path, name: str) -> str:
    return (
        f"weights file {path}: the averaged (EMA) weights in {name} do not have the network's names and were not "
        "taken; to use them, save them as a state dict"
    )


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
    if data.startswith(b"version https://git-lfs"):
        raise CurationError(f"weights file {path} is a Git LFS pointer, not the weights; fetch them with git lfs pull")
    if data[8:9] == b"{":
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            return load(data)
        except SafetensorError:
            raise damaged from None
    if data.startswith(b"PK") and b"constants.pkl" in data:
        raise CurationError(
            f"weights file {path} is a TorchScript program; save the model's state dict instead, with "
            "torch.save(model.state_dict(), …)"
        )
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
        tensors = {_present(str(name)): value for name, value in mapping.items() if isinstance(value, Tensor)}
        if any(name.startswith(f"{DETECTOR}pretrained.") for name in tensors):
            tensors = {name: value for name, value in tensors.items() if not name.startswith(DETECTOR)}
        yield path, tensors


def _present(name: str) -> str:
    name = WRAPPERS.sub("", name)
    for former, present in FORMER:
        name = former.sub(present, name)
    return name


def _held(content: Any) -> str:
    if not isinstance(content, Mapping) or not content:
        return ""
    names = [repr(str(key)) for key in content]
    return f" (it holds {', '.join(names[:6])}{' …' if len(names) > 6 else ''})"


def _choices(path: tuple[str, ...], tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> list[_Choice]:
    """Return the prefixes, as wrappers add them, under which most of the expected names are found, and averages'."""
    prefixes = {""}
    for name in tensors:
        parts = name.split(".")
        prefixes |= {".".join(parts[:depth]) + "." for depth in range(1, min(4, len(parts)))}
    fits = {prefix: sum(prefix + name in tensors for name in expected) for prefix in prefixes}
    best = max(fits.values())
    if best == 0:
        return [_Choice(path, "", 0)]
    return [
        _Choice(path, prefix, count)
        for prefix, count in sorted(fits.items())
        if count == best or (count and is_average(prefix))
    ]


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
        names = ", ".join(choice.where for choice in distinct)
        raise CurationError(
            f"weights file {path} holds several sets of weights that fit: {names}; save the one that is meant in a "
            "file of its own"
        )
    chosen = (averaged or distinct)[0]
    what = "averaged (EMA) weights" if chosen.averaged else "weights"
    rest = [choice.where for choice in distinct if choice is not chosen]
    if chosen.averaged or set(chosen.path) - PLAIN:
        instead = f", not those under {', '.join(rest)}" if rest else ""
        return chosen, [f"weights file {path}: the {what} under {chosen.name} were taken{instead}"]
    return chosen, []


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and torch.equal(a, b)


def _check_kind(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], path: Path) -> None:
    """Raises: CurationError: weights that are not plain floating-point numbers."""
    for name, value in tensors.items():
        counter = name.rpartition(".")[2] == "num_batches_tracked"
        whole = name in expected and not counter and value.dtype not in _DTYPES
        if value.is_quantized or "_packed_params" in name or whole:
            dtype = str(value.dtype).removeprefix("torch.")
            raise CurationError(
                f"weights file {path} holds quantized or whole-number weights ({name} is {dtype}); use the "
                "floating-point weights that they were made from"
            )
        if value.layout != torch.strided or value.is_meta:
            raise CurationError(f"weights file {path} holds {name} without its values or sparse; save it as it is")
        if not counter and not torch.isfinite(value).all():
            raise CurationError(f"weights file {path} holds NaN or infinite numbers in {name}; use other weights")
        if name.endswith("running_var") and (value < 0).any():
            raise CurationError(f"weights file {path} holds negative variances in {name}; use other weights")


_DTYPES = {torch.float16, torch.bfloat16, torch.float32, torch.float64}
