"""The components' JavaScript modules and style sheets, served as they lie in components/web: no build step.

Their address holds a digest of them all, so that a browser keeps them for good and fetches them again only when one of
them has changed. Like Streamlit's own code they are served before a login.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

FOLDER = Path(__file__).parent / "components" / "web"
_IMPORTED = re.compile(r'^(?:import|}) .*?from "\./([\w-]+\.js)";$', re.MULTILINE)
_TYPES = {".js": "text/javascript", ".css": "text/css"}

_files = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix in _TYPES}
_digest = hashlib.blake2b(repr(_files).encode(), digest_size=6).hexdigest()

address = f"components/{_digest}"
"""Where the files are, relative to the page, so that it holds under any base path."""


def modules(name: str) -> list[str]:
    """Return a module's file, then those of all that it imports, directly or not."""
    files = [name]
    for file in files:
        files += [other for other in _IMPORTED.findall(_files[file].decode()) if other not in files]
    return files


def _entry(name: str) -> bytes:
    # Names all modules at once: a browser would else learn of each only from the one that imports it.
    lines = [*(f'import "./{file}";' for file in modules(name)[1:]), f'export * from "./{name}";']
    return "\n".join(lines).encode()


_files |= {f"entry-{name}": _entry(name) for name in list(_files) if name.endswith(".js")}


def entry(component: str) -> str:
    """Return where a component's code starts, relative to the page."""
    return f"{address}/entry-{component}.js"


def _asset(request: Request) -> Response:
    digest, name = request.path_params["digest"], request.path_params["name"]
    if digest != _digest or name not in _files:
        return PlainTextResponse("This version of the page is no longer served; reload the page.", status_code=404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(_files[name], media_type=_TYPES[Path(name).suffix], headers=headers)


routes = [Route(f"{base}/components/{{digest}}/{{name}}", _asset) for base in ("", "/{base:path}")]
