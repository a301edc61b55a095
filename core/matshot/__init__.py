"""Matshot: AI texture and material tools, local and exact.

The package stays light: heavy modules load when a tool runs.
"""

from __future__ import annotations

from matshot_host import __version__

__all__ = ["__version__"]
