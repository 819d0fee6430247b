"""A GPU rehearsed without one: tensors that are on ``cuda`` by name, and the values that the host asks of them.

Under ``FakeTensorMode`` a tensor has a shape, a type and a device but no values, and mixing devices is an error. What
asks for values is answered here so that work goes on and ends: a flag is true, a number 1, two tensors are equal, and
of n places half are chosen. Gradients have their shapes, without the way back through the network: torch's own engine
would ask the driver for a card. Each question about a tensor on the accelerator is kept by the name of the function in
``curation`` that asked: there a GPU stops until the host has heard, and the host until the GPU is done. So they do
where a tensor is copied there from memory that is not pinned, which is kept likewise.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import curation

DEVICE = torch.device("cuda", 0)

_MODE = FakeTensorMode()
_ATEN = torch.ops.aten
_CHOOSING = {_ATEN.index.Tensor: 1, _ATEN.index_put_.default: 1, _ATEN.index_put.default: 1}
"""What takes places or a mask of them, and which argument that is."""


class Rehearsal(TorchDispatchMode):
    """Answers what asks for a value, and keeps who asked: ``fetches`` counts by the function's name.

    ``waits`` counts copies to the device, by the function's name, that the host waits for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fetches: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if (
            func.namespace == "aten" and torch.is_inference_mode_enabled()
        ):  # what is made of other functions comes whole
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        if func is _ATEN._local_scalar_dense.default:
            self._fetched(args[0])
            return {torch.bool: True}.get(args[0].dtype, 1.0 if args[0].is_floating_point() else 1)
        if func is _ATEN.equal.default:
            self._fetched(args[0])
            return True
        if func is _ATEN.nonzero.default:
            return self._chosen(args[0])
        if func is _ATEN._fused_sgd_.default:  # has no form without values
            assert_on_device(args[:3])
            return None
        if func is _ATEN.repeat_interleave.Tensor:
            self._fetched(args[0])
            return torch.empty_like(args[0], dtype=torch.int64)
        if func in _CHOOSING:
            at = _CHOOSING[func]
            args = (*args[:at], self._places(args[at]), *args[at + 1 :])
        out = func(*args, **kwargs)
        if func in (_ATEN._to_copy.default, _ATEN.copy_.default):
            source = args[1] if func is _ATEN.copy_.default else args[0]
            if source.device != out.device and out.device.type == "cpu":
                self._fetched(source)
            elif source.device != out.device and not kwargs.get("non_blocking"):
                self.waits[_asker()] += 1
        return out

    def _places(self, indices: list[Tensor | None]) -> list[Tensor | None]:
        places: list[Tensor | None] = []
        for index in indices:
            mask = index is not None and index.dtype in (torch.bool, torch.uint8)
            places += self._chosen(index).unbind(1) if mask else [index]  # type: ignore[arg-type]
        return places

    def _chosen(self, mask: Tensor) -> Tensor:
        self._fetched(mask)
        return torch.empty(mask.numel() // 2, mask.ndim, dtype=torch.int64, device=mask.device)

    def _fetched(self, asked: Tensor) -> None:
        if asked.device.type == DEVICE.type:
            self.fetches[_asker()] += 1


def _asker() -> str:
    """Return the innermost function of ``curation`` on the stack, as ``file.py:Class.method``, or that none is."""
    frame = sys._getframe(1)
    while (
        Path(curation.__file__).parent not in Path(frame.f_code.co_filename).parents
        or "_torch_" in frame.f_code.co_name
    ):
        if frame.f_back is None:
            return "the test itself"
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{re.sub(r'[.]<.*?>', '', frame.f_code.co_qualname)}"


class Stream:
    """Stands in for a CUDA stream: work is in order by itself."""

    def __init__(self, device: torch.device | None = None) -> None:
        """Args: device: whose."""

    def wait_stream(self, other: Stream) -> None:
        """Wait for nothing."""

    def wait_event(self, event: Stream) -> None:
        """Wait for nothing."""

    def record_event(self) -> Stream:
        """Return what may be waited for."""
        return self

    def synchronize(self) -> None:
        """Wait for nothing."""


@contextmanager
def card() -> Iterator[None]:
    """Inside, torch's questions to the driver are answered: memory is free, and no tensor takes any of it."""
    with ExitStack() as stack:
        for owner, name, answer in (
            (torch.cuda, "mem_get_info", lambda device=None: (1 << 36, 1 << 36)),
            (torch.cuda, "reset_peak_memory_stats", lambda device=None: None),
            (torch.cuda, "Stream", Stream),
            (torch.cuda, "stream", nullcontext),
            (torch.cuda, "current_stream", lambda device=None: Stream()),
            (Tensor, "pin_memory", lambda tensor: tensor),
            (Tensor, "record_stream", lambda tensor, stream: None),
        ):
            stack.enter_context(patch.object(owner, name, answer))
        yield


@contextmanager
def rehearsal() -> Iterator[Rehearsal]:
    """Inside, tensors made on ``DEVICE`` are there by name alone. Nothing that was made inside is kept in a cache."""
    _forget()
    with ExitStack() as stack:
        stack.callback(_forget)
        for owner, name, stand_in in (
            (torch.autograd, "grad", _grad),
            (Tensor, "backward", _backward),
            (nn.Module, "_apply", _applied),
        ):
            stack.enter_context(patch.object(owner, name, stand_in))
        stack.enter_context(card())
        stack.enter_context(_MODE)
        yield stack.enter_context(Rehearsal())


def _grad(outputs: Tensor, inputs: Tensor | Sequence[Tensor], **_: Any) -> tuple[Tensor, ...]:
    assert outputs.requires_grad
    return tuple(torch.empty_like(value) for value in ([inputs] if isinstance(inputs, Tensor) else inputs))


def _backward(loss: Tensor) -> None:
    """Give every leaf that a loss depends on a gradient, and call the leaf's hooks."""
    nodes, seen = [loss.grad_fn], set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        nodes += [before for before, _ in node.next_functions]
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            leaf.grad = torch.empty_like(leaf)
            for hook in (leaf._backward_hooks or {}).values():
                hook(leaf.grad)


def _applied(module: nn.Module, convert: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
    """Move a module's tensors; ``nn.Module`` itself swaps their storage, which tensors without one do not have."""
    for part in module.modules():
        for name, value in part._parameters.items():
            if value is not None:
                part._parameters[name] = nn.Parameter(convert(value.detach()), value.requires_grad)
        part._buffers.update({name: convert(value) for name, value in part._buffers.items() if value is not None})
    return module


def _forget() -> None:
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "curation":
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


def assert_asked_only(fetches: Iterable[str], allowed: Mapping[str, str]) -> None:
    """Fail where something asked for a value that is not listed, by the asking function's name, with a reason."""
    unlisted = sorted(set(fetches) - set(allowed))
    assert not unlisted, f"{', '.join(unlisted)}: keep the value on the device, or list the function with the reason"


def assert_on_device(result: Any) -> None:
    """Fail unless every tensor in a result is on the device."""
    tensors = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
    assert tensors
    assert all(isinstance(tensor, FakeTensor) and tensor.device.type == DEVICE.type for tensor in tensors)
