"""Noise on a CPU, compiled: one pass over what is drawn, in the order and rounding of torch."""

from __future__ import annotations

import numpy as np
from numpy import float32, uint32

from curation.compilation import compiled


@compiled()
def salt_and_pepper(images: np.ndarray, unit: np.ndarray, low: float32, high: float32, out: np.ndarray) -> None:
    """Fill ``out`` with 0 where a draw is below ``low``, 1 where it reaches ``high``, else with the image's values.

    Args: images, unit, out: float32 M.
    """
    for place in range(len(out)):
        drawn, value = unit[place], images[place]
        value = float32(1) if drawn >= high else value
        out[place] = float32(0) if drawn < low else value


@compiled()
def count(images: np.ndarray, drawn: np.ndarray, table: np.ndarray, column_bits: int, out: np.ndarray) -> None:
    """Fill ``out`` with the Poisson counts that ``poisson`` looks up.

    Args: images, out: float32 M, images in [0, 1]; drawn: uint32 M; table, column_bits: of ``_alias_table``, uint32.
    """
    of_column, of_row = uint32(column_bits), uint32(32 - column_bits)
    last, rest = uint32((1 << column_bits) - 1), uint32((1 << (32 - column_bits)) - 1)
    for place in range(len(out)):
        bits = drawn[place]
        # What has no room for a fraction is rounded, ties to even.
        level = uint32(np.int32((images[place] * float32(255) + float32(12582912)) - float32(12582912)))
        column = uint32(bits >> of_row)
        entry = table[uint32(uint32(level << of_column) + column)]
        chosen = uint32(bits & rest) < uint32(entry >> of_column)
        out[place] = float32(np.int32(column if chosen else uint32(entry & last)))
