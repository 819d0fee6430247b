"""The components' JavaScript and style sheets, served as one file (``pages.ui.bundle`` makes it).

Its address holds a digest, so that a browser keeps it for good and fetches it again only when it has changed. Like
Streamlit's own code it is served before a login.
"""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pages.ui.bundle import BUNDLE

_code = BUNDLE.read_bytes()
_digest = hashlib.blake2b(_code, digest_size=6).hexdigest()

address = f"components/{_digest}.js"
"""Where the file is, relative to the page, so that it holds under any base path."""


def _asset(request: Request) -> Response:
    if request.path_params["digest"] != _digest:
        return PlainTextResponse("This version of the page is no longer served; reload the page.", status_code=404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(_code, media_type="text/javascript", headers=headers)


routes = [Route(f"{base}/components/{{digest}}.js", _asset) for base in ("", "/{base:path}")]
