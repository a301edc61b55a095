"""Twelve families of generated materials whose maps are known exactly; they tile, and a seed gives one of each."""

from .families import FAMILIES, REGULAR, procedural_color, procedural_material
from .material import ProceduralMaterial

__all__ = ["FAMILIES", "REGULAR", "ProceduralMaterial", "procedural_color", "procedural_material"]
