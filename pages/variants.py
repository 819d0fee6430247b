"""Corrupted and adversarial copies: of one sample, live, across samples, what they do, and where they are kept."""

from pages.ui import views
from pages.ui.opened import open_model
from pages.ui.variants import across, database, effect, live, sample

VIEWS = {
    "One sample": sample.draw,
    "Live attack": live.draw,
    "Across samples": across.draw,
    "What hurts": effect.draw,
    "Database": database.draw,
}

BUTTONS = {"database-run", "database-adopt"}

prepared = open_model()
draw = views.chosen(
    VIEWS,
    key="view",
    go="variants-go",
    typed=("database-", "live-", "across-", "effect-"),
    buttons=BUTTONS,
)
draw(prepared)
