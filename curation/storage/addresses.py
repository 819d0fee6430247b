"""Folders and files at fsspec addresses such as ``s3://bucket/folder``: what is there, copies here, refusals in words.

Environment: CURATION_COPIES: the folder of local copies (~/.cache/curation/copies).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, cast

from curation.errors import CurationError

TOGETHER = 256
"""Files that travel at once."""

_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"}
_NO_CREDENTIALS |= {"TokenRetrievalError", "SSOTokenLoadError", "UnauthorizedSSOTokenError"}
_NOT_REACHED = {"EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError"}
_NOT_REACHED |= {"ClientConnectorError", "HTTPClientError", "ServerDisconnectedError"}
_CLIENTS = ("botocore", "aiobotocore", "aiohttp", "gcsfs", "azure", "adlfs")
"""Libraries that talk to object stores, and whose errors these are."""


class Stat(NamedTuple):
    """Size in bytes, and the time of the last change, 0 where the store does not say it; named as ``os.stat`` does."""

    st_size: int
    st_mtime_ns: int


class Entry(NamedTuple):
    """What lies in a folder: its name there, whether it is a folder itself, and its size and time."""

    name: str
    is_folder: bool
    stat: Stat


def is_address(path: str | os.PathLike[str]) -> bool:
    """Whether it is written as an fsspec address."""
    return "://" in str(path)


def is_remote(path: Path) -> bool:
    """Whether a path object is one of an fsspec address, which no system call takes."""
    return not isinstance(path, os.PathLike)


def local_or_remote(root: str | os.PathLike[str]) -> Path:
    """Return a path object for a local folder or an fsspec address such as ``s3://bucket/folder``.

    Listings are never kept: other processes write there too. Raises: CurationError: a kind of address nobody knows.
    """
    from upath import UPath

    if not is_address(root):
        return cast(Path, UPath(root))
    with reachable(root):
        return cast(Path, UPath(root, use_listings_cache=False))


def store(path: Path) -> tuple[Any, str]:
    """Return the fsspec file system of a remote path, and the path in it. Raises: CurationError: see ``reachable``."""
    remote: Any = path
    with reachable(path):
        return remote.fs, str(remote.path).rstrip("/")


def entries(folder: Path) -> list[Entry]:
    """Return what lies in a folder, by name; nothing where there is none. Raises: CurationError: it is not reached."""
    if not is_remote(folder):
        here = []
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as found_here:
            for entry in found_here:
                with suppress(FileNotFoundError):  # a partial file, written meanwhile
                    about = entry.stat()
                    here.append(Entry(entry.name, entry.is_dir(), Stat(about.st_size, about.st_mtime_ns)))
        return sorted(here)
    files, root = store(folder)
    with reachable(folder):
        try:
            found = files.ls(root, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
    named = ((str(info["name"]).rstrip("/"), info) for info in found)
    return sorted(
        Entry(name.rpartition("/")[2], info["type"] == "directory", _stat(info))
        for name, info in named
        if name.strip("/") != root.strip("/")
    )


def below(path: Path) -> dict[str, Stat]:
    """Return every file below a remote folder by its path there; of a file, itself by the name "".

    Raises: CurationError: it cannot be reached, or a name leads out of the folder.
    """
    files, root = store(path)
    with reachable(path):
        try:
            found = files.find(root, detail=True)
        except FileNotFoundError as error:
            if "NoSuchBucket" in _kinds(error):
                raise
            return {}
    stats = {}
    for full, info in sorted(found.items()):
        name = full.strip("/").removeprefix(root.strip("/")).lstrip("/")
        if ".." in PurePosixPath(name).parts:
            raise CurationError(f"{path} holds {name!r}, a name that leads out of its folder; rename it")
        if not full.endswith("/") and info["type"] != "directory":
            stats[name] = _stat(info)
    return stats


def copies_folder() -> Path:
    """Return the folder of local copies of what is at addresses."""
    return Path(os.environ.get("CURATION_COPIES", "~/.cache/curation/copies")).expanduser()


def fetched(source: str | os.PathLike[str]) -> Path:
    """Return where a file or folder lies on the local disk: a local one itself, of what is at an address a copy.

    The copy is brought up to date: what differs in size or time of change is fetched, what is gone there goes.
    Raises: CurationError: nothing is there, or it cannot be reached.
    """
    from filelock import FileLock

    if not is_address(source):
        return Path(source)
    address = local_or_remote(source)
    files, root = store(address)
    found = below(address)
    if not found:
        raise CurationError(f"{address} does not exist; check the spelling")
    place = copies_folder().joinpath(str(source).partition("://")[0], *PurePosixPath(root.strip("/")).parts)
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(str(place.with_name(f".{place.name}.lock"))):
        if place.exists() and place.is_file() != ("" in found):
            place.unlink() if place.is_file() else shutil.rmtree(place)
        lacking = [name for name, stat in found.items() if not _same(place / name, stat)]
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".fetching-") as scratch, reachable(address):
            for start in range(0, len(lacking), TOGETHER):
                some = lacking[start : start + TOGETHER]
                partial = [str(Path(scratch) / str(number)) for number in range(len(some))]
                files.get([f"{root}/{name}" if name else root for name in some], partial)
                for name, arrived in zip(some, partial, strict=True):
                    os.utime(arrived, ns=(found[name].st_mtime_ns,) * 2)
                    (place / name).parent.mkdir(parents=True, exist_ok=True)
                    Path(arrived).replace(place / name)
        if place.is_dir():
            _drop_others(place, found)
    return place


def upload(files: Mapping[str, Path], address: Path) -> None:
    """Put local files at an address, by their paths there. Raises: CurationError."""
    there, root = store(address)
    names = list(files)
    with reachable(address):
        for start in range(0, len(names), TOGETHER):
            some = names[start : start + TOGETHER]
            there.put([str(files[name]) for name in some], [f"{root}/{name}" for name in some])


def remove(address: Path, names: list[str]) -> None:
    """Remove files at an address, by their paths there. Raises: CurationError."""
    there, root = store(address)
    with reachable(address):
        if names:
            there.rm([f"{root}/{name}" for name in names])


@contextmanager
def reachable(address: str | os.PathLike[str] | Path) -> Iterator[None]:
    """Turn what object stores say inside the block into a sentence. Raises: CurationError."""
    try:
        yield
    except CurationError:
        raise
    except Exception as error:
        words = refusal(error, str(address)) if is_address(address) else None
        if words is None:
            raise
        raise CurationError(words) from error


def refusal(error: Exception, where: str | None = None) -> str | None:
    """Return why an object store refused, one sentence; None: it is another kind of error.

    Args: where: the address; None: it is not known, and only errors of those stores' own libraries count.
    """
    kinds = _kinds(error)
    if where is None:
        if not any(type(one).__module__.startswith(_CLIENTS) for one in _chain(error)):
            return None
        where = "the object store"
    kind = where.partition("://")[0]
    why = str(error).strip().rstrip(".") or type(error).__name__
    if isinstance(error, ImportError):
        install = "pip install 'curation[s3]'" if kind in ("s3", "s3a") else why
        return f"{where} needs a package that is not installed: {install}"
    if isinstance(error, ValueError) and ("filesystem" in why or "rotocol" in why):
        return f"{where} is of a kind that fsspec does not know; write s3://bucket/folder, or a folder of this machine"
    if kinds & _NO_CREDENTIALS:
        return (
            f"there are no credentials for {where} ({why}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
            "AWS_PROFILE"
        )
    if "NoSuchBucket" in kinds:
        return f"the bucket of {where} does not exist; create it, or check the spelling"
    if kinds & _NOT_REACHED:
        return f"{where} cannot be reached ({why}); check the network and AWS_ENDPOINT_URL, then run again"
    if isinstance(error, PermissionError):
        return f"no permission for {where} ({why}); check the credentials and what they allow on that bucket"
    if isinstance(error, NotImplementedError):
        return f"{where} can only be read; choose a place that can be written"
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError | FileExistsError | NotADirectoryError):
        return f"{where}: {why}; what was finished is kept, run again"
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _kinds(error: BaseException) -> set[str]:
    """Return the names of the classes of an error and of what caused it: their libraries may not be installed."""
    return {kind.__name__ for one in _chain(error) for kind in type(one).__mro__}


def _stat(info: Mapping[str, Any]) -> Stat:
    """Return what fsspec says of a file; each store calls the time otherwise."""
    names = ("LastModified", "mtime", "last_modified", "updated", "created")
    when = next((info[name] for name in names if info.get(name) is not None), 0)
    with suppress(ValueError):
        when = datetime.fromisoformat(when) if isinstance(when, str) else when
    seconds = when.timestamp() if isinstance(when, datetime) else when if isinstance(when, int | float) else 0
    return Stat(int(info.get("size") or 0), int(seconds * 1e6) * 1000)


def _same(path: Path, stat: Stat) -> bool:
    try:
        here = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return path.is_file() and (here.st_size, here.st_mtime_ns) == stat


def _drop_others(folder: Path, names: Mapping[str, Stat]) -> None:
    """Remove the files that are not named, and folders that are empty then."""
    for where, _, inside in os.walk(folder, topdown=False):
        for name in inside:
            path = Path(where, name)
            if path.relative_to(folder).as_posix() not in names and not name.endswith(".lock"):
                path.unlink()
        if Path(where) != folder:
            with suppress(OSError):
                Path(where).rmdir()
