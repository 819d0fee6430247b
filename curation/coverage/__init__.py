"""Points that stand for all: facility location, set cover, k-center, k-means centers, the moderate ones; what they
cover."""

from curation.coverage.facility_location import facility_location
from curation.coverage.k_center import k_center
from curation.coverage.k_means import k_means
from curation.coverage.moderate import moderate
from curation.coverage.radius import suggest_radius
from curation.coverage.set_cover import set_cover
from curation.coverage.subset import Subset
from curation.coverage.weights import assign, cluster_sizes, coverage_curve, label_agreement, within_radius_counts

__all__ = [
    "Subset",
    "assign",
    "cluster_sizes",
    "coverage_curve",
    "facility_location",
    "k_center",
    "k_means",
    "label_agreement",
    "moderate",
    "set_cover",
    "suggest_radius",
    "within_radius_counts",
]
