"""Corrupted and adversarial copies: of one sample, live, across samples, what they do, and where they are kept."""

from pages.ui import session, views
from pages.ui.opened import open_model
from pages.ui.variants import across, database, effect, live, sample

VIEWS = {
    "One sample": sample.draw,
    "Live attack": live.draw,
    "Across samples": across.draw,
    "Effect": effect.draw,
    "Database": database.draw,
}

prepared = open_model()
draw = views.chosen(
    VIEWS,
    key=session.VARIANTS_VIEW.key,
    go=session.VARIANTS_GO.key,
    typed=session.VARIANTS_TYPED,
    buttons=session.VARIANTS_BUTTONS,
)
draw(prepared)
