"""Common corruptions: the 15 kinds of CIFAR-10-C and ImageNet-C, and four more that are held out for testing."""

from curation.corruptions.base import Constants, Corruption
from curation.corruptions.blur import DefocusBlur, GaussianBlur, GlassBlur, MotionBlur, ZoomBlur
from curation.corruptions.digital import Contrast, ElasticTransform, JpegCompression, Pixelate, Saturate
from curation.corruptions.noise import GaussianNoise, ImpulseNoise, ShotNoise, SpeckleNoise
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
    ),
)

__all__ = ["CORRUPTIONS", "Constants", "Corruption"]
