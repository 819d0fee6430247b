"""The samples as the goal model sees them: a map to color and lasso, its clusters, what is alike, what is double."""

from pages.ui import views
from pages.ui.map import clusters, doubles, similar, view
from pages.ui.opened import open_selection

VIEWS = {
    "Map": view.draw,
    "Clusters": clusters.draw,
    "Similar": similar.draw,
    "Duplicates": doubles.draw,
}

opened = open_selection()
draw = views.chosen(VIEWS, key="map-view", go="map-go", typed=("nearest-", "doubles-"))
draw(opened)
