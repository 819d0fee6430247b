"""Samplers: which images each epoch of a training shows, in which order and with which weights."""

from curation.plugin import Registry
from curation.training.samplers.base import About, Asked, Sampler, Showing, Shown, counts_of
from curation.training.samplers.dynamic import DynamicSampling

SAMPLERS: Registry[Sampler] = Registry("sampler", (DynamicSampling,))

__all__ = ["SAMPLERS", "About", "Asked", "Sampler", "Showing", "Shown", "counts_of"]
