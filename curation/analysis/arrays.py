"""Names for what pages hand on without looking inside: they draw, and import neither numpy nor pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd

Array = np.ndarray
Table = pd.DataFrame
