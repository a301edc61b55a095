"""Matshot: AI texture and material tools, local and exact.

The package stays light: heavy modules load when a tool runs.
"""

from __future__ import annotations

__version__ = "0.1.0"
