"""Downloads are streamed by a route, never held in memory; a link carries a token that only the page knows."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

_offered: dict[str, Path] = {}


def offer(folder: Path) -> str:
    """Return the address at which an exported folder can be fetched as a zip while the server runs."""
    known = next((token for token, path in _offered.items() if path == folder), None)
    token = known or secrets.token_urlsafe(24)
    _offered[token] = folder
    return f"/exports/{token}"


def _download(request: Request) -> Response:
    folder = _offered.get(request.path_params["token"])
    if folder is None or not folder.is_dir():
        return PlainTextResponse("This download is no longer offered; open the Export page again.", status_code=404)
    archive = folder.with_name(f".{folder.name}.zip")
    if not archive.exists() or archive.stat().st_mtime < (folder / "SHA256SUMS").stat().st_mtime:
        partial = shutil.make_archive(
            str(folder.with_name(f".{folder.name}.partial")), "zip", folder.parent, folder.name
        )
        Path(partial).replace(archive)
    return FileResponse(archive, filename=f"{folder.name}.zip", media_type="application/zip")


routes = [Route("/exports/{token}", _download)]
