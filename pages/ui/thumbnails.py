"""Pictures that the browser fetches itself, without a rerun, from links whose token only the page knows."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from curation.analysis.arrays import Array
from curation.analysis.pictures import thumbnail
from curation.errors import CurationError

Picture = Callable[[int], Array]

_MOST_OFFERED = 32


@dataclass(frozen=True)
class _Offered:
    key: str
    picture: Picture
    number: int


_offered: OrderedDict[str, _Offered] = OrderedDict()  # by token, the one used last at the end
_lock = Lock()


def offer(key: str, picture: Picture, *, number: int) -> str:
    """Return the address under which picture i is at ``<address>/<i>`` while it is one of the 32 used last.

    The same key keeps its address, so that a browser keeps its pictures. The address is relative to the page, so that
    it holds under any base path.

    Args:
        key: a fingerprint of what the pictures are.
        picture: gives picture i as uint8 H×W×C, C = 1 or 3, for i in [0, number); called on the server's threads, so it
            must not use Streamlit, and holds its arrays in memory as long as it is offered.
        number: of pictures.
    """
    with _lock:
        known = next((token for token, offered in _offered.items() if offered.key == key), None)
        token = known or secrets.token_urlsafe(18)
        _offered[token] = _Offered(key, picture, number)
        _offered.move_to_end(token)
        while len(_offered) > _MOST_OFFERED:
            _offered.popitem(last=False)
    return f"thumbnails/{token}"


def _thumbnail(request: Request) -> Response:
    token, index = request.path_params["token"], request.path_params["index"]
    with _lock:
        offered = _offered.get(token)
        if offered:
            _offered.move_to_end(token)
    if offered is None or index >= offered.number:
        return PlainTextResponse("This picture is no longer offered; open the page again.", status_code=404)
    try:
        encoded = thumbnail(offered.picture(index))
    except (CurationError, OSError) as error:
        return PlainTextResponse(str(error), status_code=404)
    headers = {"Cache-Control": "private, max-age=86400, immutable"}
    return Response(encoded, media_type="image/png", headers=headers)


routes = [Route(f"{base}/thumbnails/{{token}}/{{index:int}}", _thumbnail) for base in ("", "/{base:path}")]
