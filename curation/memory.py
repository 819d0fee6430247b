"""Where memory runs out: how that is noticed, what is given back, and how the same work is done in smaller parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from curation.errors import CurationError

WORDS = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")

TOO_LITTLE = (
    "{} needs more memory than there is, even in the smallest batches; close other programs, or use a smaller "
    "architecture or smaller images"
)
"""The sentence for work with a network; {}: what needs it."""


def out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that memory did not suffice: of an accelerator, of torch on the CPU, of NumPy."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in WORDS)


@contextmanager
def enough_memory(sentence: str) -> Iterator[None]:
    """Raise a CurationError that says ``sentence`` where memory does not suffice for what is done inside."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise CurationError(sentence) from None


def free_cache(device: str | torch.device) -> None:
    """Give back what torch holds on to on an accelerator, so that a smaller piece fits beside other programs."""
    kind = torch.device(device).type
    if kind == "cuda":
        torch.cuda.empty_cache()
    elif kind == "mps":
        torch.mps.empty_cache()


class Fitting:
    """How many images are worked on at once: halved, again and again, where memory runs out.

    ``while done < total: with fitting.attempt(total - done): …; done += …`` tries what did not fit once more, smaller.
    """

    def __init__(self, size: int, *, device: str | torch.device, smallest: int = 1, multiple: int = 1) -> None:
        """Args: size: images to begin with; smallest: below which it never falls; multiple: of which it stays one."""
        self.size = size
        self._device, self._smallest, self._multiple = device, smallest, multiple
        self._failed = False

    @contextmanager
    def attempt(self, images: int) -> Iterator[None]:
        """Do something with up to ``size`` of so many images; where memory runs out ``size`` is halved and it ends.

        Raises: what was raised inside, where that was something else or ``size`` cannot be smaller.
        """
        if self._failed:  # only now: the error's traceback held on to what the attempt had allocated
            free_cache(self._device)
            self._failed = False
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error) or self.size <= self._smallest:
                raise
            half = min(self.size, images) // 2
            self.size = max(half // self._multiple * self._multiple, self._smallest)
            self._failed = True
