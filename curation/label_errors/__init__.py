"""Labels that are probably wrong: what speaks against each one, and which to look at first."""

from curation.label_errors.agreement import ClusterDisagreement, NeighborConfidence, NeighborDisagreement
from curation.label_errors.base import Evidence, LabelScore
from curation.label_errors.combined import Combined
from curation.label_errors.confidence import ConfidentLearning, NormalizedMargin, SelfConfidence
from curation.label_errors.learning import AreaUnderMargin, Forgetting
from curation.plugin import Registry

LABEL_SCORES = Registry[LabelScore](
    "label score",
    (
        Combined,
        SelfConfidence,
        NormalizedMargin,
        ConfidentLearning,
        NeighborConfidence,
        NeighborDisagreement,
        ClusterDisagreement,
        AreaUnderMargin,
        Forgetting,
    ),
)

__all__ = ["LABEL_SCORES", "Evidence", "LabelScore"]
