"""Is a curated set better, and by how much: leaderboard, errors, step by step, goal models, tuning and noise."""

from pages.ui import session, state, views
from pages.ui.evaluate import goal_models, leaderboard, mistakes, noise, steps, tune
from pages.ui.opened import empty

VIEWS = {
    "Leaderboard": leaderboard.draw,
    "Errors": mistakes.draw,
    "Step by step": steps.draw,
    "Goal models": goal_models.draw,
    "Tune": tune.draw,
    "Noise": noise.draw,
}

found = state.workspace()
if found is None:
    empty("Nothing to look at yet", "Choose a source of images on the Workspace page; the demo takes a minute.")
draw = views.chosen(VIEWS, key=session.EVALUATE_VIEW.key, go=session.EVALUATE_GO.key, typed=session.EVALUATE_TYPED)
draw(found)
