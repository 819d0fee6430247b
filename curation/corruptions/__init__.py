"""Corruptions: the 15 kinds of CIFAR-10-C and ImageNet-C, their four held-out ones, five from imgaug, and AugMix."""

from curation.corruptions.augmix import AugMix
from curation.corruptions.base import Constants, Corruption
from curation.corruptions.blur import DefocusBlur, GaussianBlur, GlassBlur, MotionBlur, ZoomBlur
from curation.corruptions.digital import Contrast, ElasticTransform, JpegCompression, Pixelate, Saturate
from curation.corruptions.dropout import CoarseDropout, Dropout
from curation.corruptions.noise import GaussianNoise, ImpulseNoise, ShotNoise, SpeckleNoise
from curation.corruptions.precipitation import Rain, Snowflakes
from curation.corruptions.quantization import ColorQuantization
from curation.corruptions.weather import Brightness, Fog, Frost, Snow, Spatter
from curation.plugin import Registry

CORRUPTIONS: Registry[Corruption] = Registry(
    "corruption",
    (
        GaussianNoise,
        ShotNoise,
        ImpulseNoise,
        DefocusBlur,
        GlassBlur,
        MotionBlur,
        ZoomBlur,
        Snow,
        Frost,
        Fog,
        Brightness,
        Contrast,
        ElasticTransform,
        Pixelate,
        JpegCompression,
        SpeckleNoise,
        GaussianBlur,
        Spatter,
        Saturate,
        Rain,
        Snowflakes,
        Dropout,
        CoarseDropout,
        ColorQuantization,
        AugMix,
    ),
)


def kinds_of(constants: Constants) -> list[type[Corruption]]:
    """Return what ``kinds: all`` stands for: the 15 common kinds, or with imgaug's constants the 14 that have them."""
    if constants == "imgaug":
        return [kind for kind in CORRUPTIONS if kind.table.imgaug is not None]
    return [kind for kind in CORRUPTIONS if not kind.held_out]


__all__ = ["CORRUPTIONS", "Constants", "Corruption", "kinds_of"]
