"""Samplers: which images each epoch of a training shows, in which order and with which weights."""

from curation.plugin import Registry
from curation.training.samplers.balanced import BalancedSampling
from curation.training.samplers.base import About, Asked, Sampler, Showing, Shown, Space, counts_of
from curation.training.samplers.clusters import ClusterSampling
from curation.training.samplers.curriculum import Curriculum
from curation.training.samplers.dynamic import DynamicSampling
from curation.training.samplers.facility_location import FacilityLocation
from curation.training.samplers.random import RandomSampling

SAMPLERS: Registry[Sampler] = Registry(
    "sampler", (DynamicSampling, FacilityLocation, ClusterSampling, Curriculum, BalancedSampling, RandomSampling)
)

__all__ = ["SAMPLERS", "About", "Asked", "Sampler", "Showing", "Shown", "Space", "counts_of"]
