"""How much is worked on at once: where memory runs out less, where an accelerator has room more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from curation.errors import CurationError

WORDS = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")

MOST = 8192
"""Images worked on at once at most."""

SHARE = 0.5
"""Of an accelerator's free memory, what images may take that are worked on at once."""

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

    On an accelerator it may also be doubled, as often as what the images before took leaves room for: with few images
    at a time it waits for launches. Each call of whatever uses this begins anew: sizes follow from its images and
    the free memory, not from what was done before.

    ``while done < total: with fitting.attempt(total - done): …; done += …`` tries what did not fit once more, smaller.
    """

    def __init__(
        self, size: int, *, device: str | torch.device, smallest: int = 1, multiple: int = 1, grows: bool = False
    ) -> None:
        """Args: size: images to begin with; smallest: below which it never falls; multiple: of which it stays one;
        grows: whether it is doubled on an accelerator, to ``MOST`` or below."""
        self.size = size
        self._device, self._smallest, self._multiple = torch.device(device), smallest, multiple
        self._grows = grows and self._device.type != "cpu"
        self._failed = False

    @contextmanager
    def attempt(self, images: int) -> Iterator[None]:
        """Do something with up to ``size`` of so many images; where memory runs out ``size`` is halved and it ends.

        Raises: what was raised inside, where that was something else or ``size`` cannot be smaller.
        """
        if self._failed:  # only now: the error's traceback held on to what the attempt had allocated
            free_cache(self._device)
            self._failed = False
        more = self._grows and images > self.size and self.size < MOST
        before = _allocated(self._device) if more else 0
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error) or self.size <= self._smallest:
                raise
            half = min(self.size, images) // 2
            self.size = max(half // self._multiple * self._multiple, self._smallest)
            self._failed, self._grows = True, False
        else:
            if more:
                taken, room = _peak(self._device) - before, SHARE * _free(self._device)
                tried = self.size
                while 2 * self.size <= MOST and 2 * self.size * taken <= room * tried:
                    self.size *= 2


def _allocated(device: torch.device) -> int:
    """Return the bytes that tensors take on an accelerator, and begin to watch for the most of them."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    return torch.mps.current_allocated_memory()


def _peak(device: torch.device) -> int:
    """Return the most bytes that tensors took since; on MPS, which does not say, what torch ever held on to."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else torch.mps.driver_allocated_memory()


def _free(device: torch.device) -> int:
    """Return the bytes that more tensors may take: what is free, and what torch holds on to and does not use."""
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + held
    return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
