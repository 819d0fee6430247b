"""Data sets that are fetched once and kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from curation.errors import CurationError

DATA_FOLDER = Path("~/.cache/curation")
"""Where downloaded data sets are kept when no path is given."""


def download(files: Sequence[tuple[str, str]], folder: Path, what: str) -> None:
    """Fetch the files that are missing from ``folder``; a file is there whole and verified, or not at all.

    Args: files: (address, MD5) each; folder: made when missing; what: the data set, for the error.
    Raises: CurationError that says which files to put where.
    """
    from torchvision.datasets.utils import download_url

    names = [address.rpartition("/")[2] for address, _ in files]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".download-") as partial:
            for name, (address, md5) in zip(names, files, strict=True):
                if not (folder / name).exists():
                    download_url(address, partial, name, md5)
                    (Path(partial) / name).replace(folder / name)
    except (OSError, RuntimeError) as error:
        base = files[0][0].rpartition("/")[0]
        raise CurationError(
            f"{what} is not in {folder} and could not be downloaded ({error}); "
            f"get {', '.join(names)} from {base} and put it there"
        ) from None
