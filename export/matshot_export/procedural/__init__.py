"""Twelve families of generated materials whose maps are known exactly; they tile, and a seed gives one of each."""

from .families import FAMILIES, procedural_material
from .material import ProceduralMaterial

__all__ = ["FAMILIES", "ProceduralMaterial", "procedural_material"]
