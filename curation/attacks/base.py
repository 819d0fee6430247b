"""The contract of an attack: images in, the worst images found inside the ball out."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from curation.plugin import PixelFloat, Plugin
from curation.randomness import SampleRandom

Norm = Literal["linf", "l2"]
