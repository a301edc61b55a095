"""Lets tests import the benchmarks' modules by the names that the scripts use."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
