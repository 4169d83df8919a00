"""The nulls that a network can be compared with, by their names."""

from __future__ import annotations

FOCUS_NULLS = ("random", "strength")
"""Those that move foci; the position of a name counts among the random numbers of its draws."""

LABEL_NULLS = ("labels", "split")
"""Those that compare two effects."""
