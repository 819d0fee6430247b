"""Labels that are probably wrong: found by a job, reviewed one by one, corrected in the recipe."""

from collections.abc import Callable

from curation.analysis.label_review import Queue
from pages.ui import session, views
from pages.ui.labels import begin, checked, many, one_by_one, overview, queue, several
from pages.ui.labels.checked import Review
from pages.ui.opened import open_model

VIEWS: dict[str, Callable[[Review, Queue], None]] = {
    "One by one": one_by_one.draw,
    "Overview": overview.draw,
    "Many at once": many.draw,
}

prepared = open_model()
several.draw(prepared)
review = checked.opened(prepared)
if review is None:
    begin.draw(prepared)
else:
    draw = views.chosen(VIEWS, key=session.LABELS_VIEW.key, go=session.LABELS_GO.key, typed=session.LABELS_TYPED)
    draw(review, queue.choose(review))
