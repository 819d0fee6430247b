"""The samples in the recipe's space: the map, its clusters, similar samples and duplicates."""

from pages.ui import session, views
from pages.ui.map import clusters, doubles, similar, view
from pages.ui.opened import open_selection

VIEWS = {
    "Map": view.draw,
    "Clusters": clusters.draw,
    "Similar": similar.draw,
    "Duplicates": doubles.draw,
}

opened = open_selection()
draw = views.chosen(VIEWS, key=session.MAP_VIEW.key, go=session.MAP_GO.key, typed=session.MAP_TYPED)
draw(opened)
