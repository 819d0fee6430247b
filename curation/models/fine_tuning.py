"""A network that starts from somebody's weights: which of its parts are new, which learn slower, which stay."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from torch import nn

from curation.errors import UsageError, unknown_name
from curation.models.classifier import Classifier
from curation.models.loading import head_of

BODY = "body"
"""Names all but the head."""


def rates(model: nn.Module, *, body_rate: float, freeze: Sequence[str], new: Collection[str] = ()) -> dict[str, float]:
    """Return each parameter's share of the learning rate, by name: 1 in the head, 0 where it is frozen.

    Args:
        model: what ``build`` returned, no ensemble.
        body_rate: the share of all that is neither head nor frozen.
        freeze: layers by name, as the network inside a ``Classifier`` has them, each with all in it; or ``body``.
        new: further names that count to the head; see ``load_body``.

    Raises: UsageError: an unknown layer, the nearest right name; or nothing is left that learns.
    """
    prefix = "network." if isinstance(model, Classifier) else ""
    head = f"{head_of(model)}."
    layers = {name.removeprefix(prefix): name for name, _ in model.named_modules() if name.startswith(prefix)}
    for name in freeze:
        if name != BODY and name not in layers:
            known = [one for one in layers if one and "." not in one]
            raise UsageError(f"freeze: {unknown_name('layer', name, [BODY, *known])}")
    frozen = tuple(f"{layers[name]}." for name in freeze if name != BODY)

    def share(name: str) -> float:
        if name.startswith(frozen):
            return 0.0
        if name.startswith(head) or name in new:
            return 1.0
        return 0.0 if BODY in freeze else body_rate

    found = {name: share(name) for name, _ in model.named_parameters()}
    if not any(found.values()):
        raise UsageError(f"freeze: nothing is left that learns; leave out the head, {head.removeprefix(prefix)[:-1]}")
    return found
