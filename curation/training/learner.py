"""A network that learns batch by batch: its optimizer, its moving average, and what to keep of them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from curation.copying import sent
from curation.errors import CurationError
from curation.memory import Fitting
from curation.models.checkpoint import DETECTOR
from curation.models.dropout import drop_block, dropout
from curation.models.layer_noise import layer_noise
from curation.training.batches import Batch
from curation.training.dynamics import margins_of
from curation.training.objective import cross_entropy, entropy, huber, weighted_mean
from curation.training.precision import dtype
from curation.training.settings import Training

FEWEST_AT_ONCE = 8
"""A batch that does not fit into memory is split down to this many images; then training stops."""


class Learned(NamedTuple):
    """Of one batch, on the device: the mean loss, how many images were classified correctly, and each one's margin."""

    loss: Tensor
    right: Tensor
    margins: Tensor


class Learner:
    """One network under training on one device."""

    def __init__(
        self, model: nn.Module, settings: Training, device: torch.device, rates: Mapping[str, float] | None = None
    ) -> None:
        """Args: rates: see ``train``."""
        self.model, self.settings, self.device = model.to(device), settings, device
        self.method = self._now = settings.how()
        self._frozen = _freeze(model, rates or {})
        if device.type == "cuda":  # on a CPU, oneDNN lays weights out as it likes best
            model.to(memory_format=torch.channels_last)
        self._network: Callable[[Tensor], Tensor] = torch.compile(model) if settings.compile else model
        self._dtype = dtype(settings.precision, device)
        self._named = {name: value for name, value in model.named_parameters() if value.requires_grad}
        self._optimizer = _optimizer(self._named, rates or {}, settings, device)
        self._average = {name: value.clone() for name, value in model.state_dict().items()} if settings.average else {}
        self._change: Tensor | None = None
        self.altered: Tensor | None = None
        self._at_once = Fitting(settings.batch_size, device=device, smallest=FEWEST_AT_ONCE)
        self.steps = 0

    def begin(self, epoch: int) -> None:
        """Take up an epoch, counted from 0: the method's phase, the model in training mode but for what is frozen."""
        self._now = self.method.at(epoch)
        self.method.begin(epoch, self.model, self._average)
        self._train()

    def _train(self) -> None:
        self.model.train()
        for layer in self._frozen:
            layer.eval()

    @contextmanager
    def disturbed(self) -> Iterator[None]:
        """Inside, the model in training drops features and blocks, and has noise, where the settings ask for it."""
        with ExitStack() as stack:
            if self.settings.dropout:
                stack.enter_context(dropout(self.model, self.settings.dropout))
            if self.settings.drop_block:
                stack.enter_context(drop_block(self.model, self.settings.drop_block))
            if self.settings.layer_noise:
                stack.enter_context(layer_noise(self.model, self.settings.layer_noise))
            yield

    def learn(self, batch: Batch, *, rate: Callable[[int], float], draws: torch.Generator) -> Learned:
        """Take one step on a batch, or one on each of its replays, the last of which is returned.

        Args: rate: the learning rate of a step, by its number; draws: of the method's first perturbations.
        """
        change = self._first_change(batch, draws)
        for _ in range(self.method.replays):
            for group in self._optimizer.param_groups:
                group["lr"] = rate(self.steps) * group["share"]
            learned = self._fitting(batch, change)
            self._optimizer.step()
            self._follow()
            self.steps += 1
        return learned

    def _first_change(self, batch: Batch, draws: torch.Generator) -> Tensor | None:
        if self._change is not None and len(self._change) >= len(batch):
            # The last batches of an epoch may be one image smaller than the first.
            return self._change[: len(batch)]
        change = self._now.start(batch.images, draws)
        if change is None:
            return None
        change = sent(change, self.device)
        if self.method.carries:
            self._change = change
        return change

    def _fitting(self, batch: Batch, change: Tensor | None) -> Learned:
        """Compute a batch's gradients, in parts as large as memory allows."""
        while True:
            with self._at_once.attempt(len(batch)):
                try:
                    return self._gradients(batch, change)
                except RuntimeError as error:
                    compiler = type(error).__module__.startswith(("torch._dynamo", "torch._inductor"))
                    if self.settings.compile and compiler:
                        raise CurationError(
                            "this network cannot be compiled on this machine; set compile: false"
                        ) from error
                    raise

    def _gradients(self, batch: Batch, change: Tensor | None) -> Learned:
        self._optimizer.zero_grad(set_to_none=True)
        loss, right = torch.zeros(2, device=self.device).unbind()
        margins: list[Tensor] = []
        total = batch.weights.sum()
        parts = -(-len(batch) // self._at_once.size)
        for rows in np.array_split(np.arange(len(batch)), parts):
            part = slice(int(rows[0]), int(rows[-1]) + 1)
            images, targets = batch.images[part], batch.targets[part]
            self.altered = None if batch.altered is None else batch.altered[part]
            losses, logits = self._now.losses(self, images, targets, None if change is None else change[part])
            share = weighted_mean(losses, batch.weights[part], total=total)
            share.backward()
            classes = targets.argmax(1) if targets.ndim == 2 else targets
            loss, right = loss + share.detach(), right + (logits.argmax(1) == classes).sum()
            margins.append(margins_of(logits.detach(), batch.classes[part]))
        return Learned(loss, right, torch.cat(margins))

    def logits(self, images: Tensor) -> Tensor:
        """Return logits, float32 N×K, of images, float32 N×C×H×W in [0, 1]; differentiable."""
        with self.computing():
            return self._network(images).float()

    def computing(self) -> AbstractContextManager[None]:
        """Inside, whatever is computed is in the requested precision."""
        half = self._dtype != torch.float32
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=half)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return each sample's loss, float32 N, with the label smoothing and entropy of the settings."""
        settings = self.settings
        if settings.loss == "huber":
            losses = huber(logits, targets, delta=settings.huber_delta, label_smoothing=settings.label_smoothing)
        else:
            losses = cross_entropy(logits, targets, label_smoothing=settings.label_smoothing)
        if settings.entropy_weight:
            losses = losses - settings.entropy_weight * entropy(logits, order=settings.entropy_order)
        return losses

    @contextmanager
    def evaluated(self) -> Iterator[None]:
        """Inside, the model is in evaluation mode: attacks neither see nor move the statistics of training batches."""
        self.model.eval()
        try:
            yield
        finally:
            self._train()

    @contextmanager
    def statistics_kept(self) -> Iterator[None]:
        """Inside, batch norms use the batch's statistics and leave the running ones as they are."""
        modules = self.model.modules()
        norms = [module for module in modules if isinstance(module, _BatchNorm) and module.track_running_stats]
        for norm in norms:
            norm.track_running_stats = False
        try:
            yield
        finally:
            for norm in norms:
                norm.track_running_stats = True

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average toward the weights and buffers; counters are copied. Early on it follows faster.

        Source: Rebuffi et al. 2021, "Fixing Data Augmentation to Improve Adversarial Robustness" (its code's warm-up).
        """
        if not self._average:
            return
        decay = min(self.settings.average, (1 + self.steps) / (10 + self.steps))
        now = self.model.state_dict()
        moving = [name for name, value in now.items() if value.is_floating_point()]
        torch._foreach_lerp_([self._average[name] for name in moving], [now[name] for name in moving], 1 - decay)
        for name in now.keys() - moving:
            self._average[name].copy_(now[name])

    def state(self) -> dict[str, Any]:
        """Return copies on the CPU of all that ``restore`` needs."""
        momenta = {name: self._optimizer.state[value].get("momentum_buffer") for name, value in self._named.items()}
        return {
            "steps": self.steps,
            "at_once": self._at_once.size,
            "model": _copies(self.model.state_dict()),
            "momenta": _copies({name: value for name, value in momenta.items() if value is not None}),
            "average": _copies(self._average),
            "change": None if self._change is None else self._change.to("cpu", copy=True),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state. Raises: KeyError, TypeError, ValueError, RuntimeError: it does not fit."""
        self.model.load_state_dict(state["model"])
        for name, value in state["momenta"].items():
            # The fused optimizer needs a momentum laid out in memory as its parameter is.
            buffer = torch.empty_like(self._named[name], requires_grad=False).copy_(value)
            self._optimizer.state[self._named[name]]["momentum_buffer"] = buffer
        for name, average in self._average.items():
            average.copy_(state["average"][name])
        if state["change"] is not None:
            self._change = state["change"].to(self.device, copy=True)
        self.steps, self._at_once.size = int(state["steps"]), min(int(state["at_once"]), self.settings.batch_size)

    def finish(self) -> None:
        """Leave the final weights, averaged where asked for, in the model, in evaluation mode."""
        if self._average:
            self.model.load_state_dict(self._average)
        if not all(value.isfinite().all() for value in self._named.values()):
            raise CurationError(
                "training diverged in its last step: a weight is not finite; use a learning_rate below "
                f"{self.settings.learning_rate:g}"
            )
        self.model.eval()


def _freeze(model: nn.Module, rates: Mapping[str, float]) -> list[nn.Module]:
    """Let the parameters whose rate is 0 take no gradient, and return the layers that have no others."""
    for name, value in model.named_parameters():
        if name in rates:
            value.requires_grad_(rates[name] > 0)
    layers = [(layer, list(layer.parameters())) for layer in model.modules()] if rates else []
    return [layer for layer, own in layers if own and not any(value.requires_grad for value in own)]


def _optimizer(
    named: Mapping[str, nn.Parameter], rates: Mapping[str, float], settings: Training, device: torch.device
) -> torch.optim.SGD:
    groups: dict[tuple[float, bool, bool], list[nn.Parameter]] = {}
    for name, value in named.items():
        spared = value.ndim <= 1 and not settings.decay_norms
        # Apart, for a detector may start to learn later, and fused steps need the momenta of all of a group or of none.
        groups.setdefault((rates.get(name, 1.0), spared, name.startswith(DETECTOR)), []).append(value)
    return torch.optim.SGD(
        [
            {"params": values, "share": share, **({"weight_decay": 0.0} if spared else {})}
            for (share, spared, _), values in groups.items()
        ],
        lr=settings.learning_rate,
        momentum=settings.momentum,
        nesterov=settings.nesterov and settings.momentum > 0,
        weight_decay=settings.weight_decay,
        fused=device.type in ("cpu", "cuda"),
    )


def _copies(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, value in tensors.items()
    }
