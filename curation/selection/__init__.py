"""Selection: from the pool of candidates to the rows of a curated set. Pure functions of table, settings and seed."""

from curation.plugin import Registry
from curation.selection.boundary import Boundary
from curation.selection.coverage import FacilityLocation, KCenter, KMeans, Moderate, SetCover
from curation.selection.random import Random
from curation.selection.self_correction import SelfCorrected
from curation.selection.stratified import Stratified

SELECTORS = Registry(
    "selector",
    (Boundary, Random, Stratified, FacilityLocation, SetCover, KCenter, KMeans, Moderate, SelfCorrected),
)

__all__ = [
    "SELECTORS",
    "Boundary",
    "FacilityLocation",
    "KCenter",
    "KMeans",
    "Moderate",
    "Random",
    "SelfCorrected",
    "SetCover",
    "Stratified",
]
