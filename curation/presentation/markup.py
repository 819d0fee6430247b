"""Steps as HTML, for the page and for the report alike. Whatever is text is escaped: names are data, never markup."""

from __future__ import annotations

import base64
import io
from functools import cache
from pathlib import Path

import jinja2
import numpy as np
from PIL import Image

from curation.presentation.step import Block
from curation.presentation.story import Step

FOLDER = Path(__file__).parent
LARGEST_PX, CRISP_PX = 360, 96
"""The longer side of a picture at most, and up to which its pixels are shown as they are."""


@cache
def templates() -> jinja2.Environment:
    """The templates beside this module; they escape every value."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters["kind"] = lambda block: type(block).__name__.lower()
    environment.globals["picture"] = picture
    return environment


def style() -> str:
    """Return the style sheet of steps; its colors follow the text's."""
    return (FOLDER / "story.css").read_text(encoding="utf-8")


def head(step: Step, number: int, of: int) -> str:
    """Return what a step is called and its sentence to remember."""
    return _macro("head", step, number, of)


def text(step: Step) -> str:
    """Return what a step says, and the terms that are explained in it."""
    return _macro("text", step)


def block(it: Block) -> str:
    """Return numbers, pictures, a table or points; a chart is drawn by whoever shows it."""
    return _macro("block", it)


def caption(words: str) -> str:
    """Return what stands above a chart."""
    return _macro("caption", words)


def _macro(name: str, *values: object) -> str:
    module = templates().get_template("blocks.html.j2").module
    return str(getattr(module, name)(*values))


def picture(pixels: np.ndarray) -> dict[str, object]:
    """Return a picture, uint8 H×W×C with C = 1 or 3, as ``src``, a data address, and whether its pixels stay crisp.

    Small ones are kept without loss, large ones made smaller.
    """
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    crisp = max(image.size) <= CRISP_PX
    buffer = io.BytesIO()
    if crisp:
        image.save(buffer, "PNG", optimize=True)
    else:
        image.thumbnail((LARGEST_PX, LARGEST_PX), Image.Resampling.LANCZOS)
        image.save(buffer, "JPEG", quality=85)
    kind = "png" if crisp else "jpeg"
    return {"src": f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}", "crisp": crisp}
