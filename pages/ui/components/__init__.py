"""The components drawn by our own JavaScript: map, gallery, matrix, hardness band and stage.

| function | returns | state in ``st.session_state[key]`` |
|---|---|---|
| ``embedding_map(xy, *, key, columns, …)`` | ``MapEvents`` | ``polygon``, ``color``; triggers ``picked``, ``copy`` |
| ``gallery(images, *, key, ids, labels, …)`` | ``GalleryEvents(opened, edits)`` | ``journal``; trigger ``opened`` |
| ``matrix(images, *, key, ids, rows, columns, …)`` | the id opened, or None | trigger ``opened`` |
| ``hardness_band(entropies, *, key, fingerprint, …)`` | ``Band(offset, floor)`` | ``band``: ``{offset, floor}`` |
| ``stage(steps, *, key, at, …)`` | the step it is at | ``at`` |

Keys must not contain two underscores in a row. Values the user changes are controlled: pass what was returned (or what
the callback stored), and it stays; pass something else, and the component shows that instead. None of them sends its
columns twice; see ``wire``.
"""

from pages.ui.components.band import Band, hardness_band
from pages.ui.components.gallery import Edit, GalleryEvents, gallery
from pages.ui.components.map import MapEvents, Polygon, embedding_map
from pages.ui.components.matrix import matrix
from pages.ui.components.stage import stage

__all__ = [
    "Band",
    "Edit",
    "GalleryEvents",
    "MapEvents",
    "Polygon",
    "embedding_map",
    "gallery",
    "hardness_band",
    "matrix",
    "stage",
]
