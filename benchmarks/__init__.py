"""Scripts that print figures side by side; the package comes first, for it says how threads wait."""

import curation  # noqa: F401
