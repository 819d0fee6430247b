"""One trained model in a workspace: what is kept while it is trained, and once it is ready."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curation.errors import CurationError
from curation.storage.addresses import is_remote
from curation.storage.copies import copy_of
from curation.storage.files import digest, read_bytes, read_json, write_bytes, write_json


class KeptModel:
    """The place of one trained model: a checkpoint and a history while it is trained, then weights and a description.

    Earlier epochs' weights may lie beside the last ones; rows of the history then have their ``digest``.
    """

    def __init__(self, folder: Path) -> None:
        """Args: folder: its own, may not exist yet."""
        self._folder = folder

    @property
    def weights(self) -> Path:
        """The file of weights, safetensors."""
        return self.weights_at(None)

    def weights_at(self, epoch: int | None) -> Path:
        """Return the file of the weights as they were after an earlier epoch, or (None) of the last ones.

        It is on the local disk: of a finished model in a remote workspace, a copy. Raises: CurationError.
        """
        path = self._weights(epoch)
        about = self.about_at(epoch) if is_remote(path) else None
        if about is None:
            return path
        try:
            return copy_of(path, about["digest"])
        except (ValueError, FileNotFoundError) as error:
            raise CurationError(f"{path} is missing or damaged; run the recipe again to train it anew") from error

    def _weights(self, epoch: int | None) -> Path:
        return self._folder / ("model.safetensors" if epoch is None else f"epoch-{epoch:04d}.safetensors")

    @property
    def about(self) -> dict[str, Any] | None:
        """A finished model's description (settings, weights digest, accuracies, history), or None."""
        return read_json(self._folder / "model.json")

    def about_at(self, epoch: int | None) -> dict[str, Any] | None:
        """Return the description with an earlier epoch's digest and accuracies, or None where it is not kept."""
        about = self.about
        if about is None or epoch is None:
            return about
        return next((about | row for row in self.history() if row["epoch"] == epoch and "digest" in row), None)

    def history(self) -> list[dict[str, Any]]:
        """Return one row an epoch (epoch, loss, accuracy as trained on, seconds and more), also while it is trained."""
        return (self.about or {}).get("history") or read_json(self._folder / "history.json") or []

    @property
    def seconds(self) -> float:
        """Seconds that its epochs took to train, over all sessions."""
        return round(sum(row.get("seconds", 0.0) for row in self.history()), 3)

    @property
    def started(self) -> bool:
        """Whether at least one epoch is kept."""
        return (self._folder / "checkpoint.pt").exists()

    def ready(self, epoch: int | None = None, *, verify: bool = False) -> bool:
        """Whether it is finished and an epoch's weights are there; with ``verify`` damaged ones are noticed."""
        about, weights = self.about_at(epoch), self._weights(epoch)
        if not about or not weights.exists():
            return False
        return not verify or digest(read_bytes(weights)) == about["digest"]

    def checkpoint(self) -> bytes | None:
        """Return the last epoch's checkpoint, or None."""
        return read_bytes(self._folder / "checkpoint.pt") if self.started else None

    def write_checkpoint(self, content: bytes) -> None:
        """Keep an epoch's checkpoint instead of the one before."""
        write_bytes(self._folder / "checkpoint.pt", content)

    def write_history(self, history: list[dict[str, Any]]) -> None:
        """Keep the rows of the epochs so far."""
        write_json(self._folder / "history.json", history)

    def write_weights(self, epoch: int, content: bytes) -> None:
        """Keep an epoch's weights beside those of others."""
        write_bytes(self._weights(epoch), content)

    def finish(self, weights: bytes, about: dict[str, Any]) -> None:
        """Keep the finished model and drop the checkpoint."""
        write_bytes(self._weights(None), weights)
        write_json(self._folder / "model.json", about)
        (self._folder / "checkpoint.pt").unlink(missing_ok=True)
