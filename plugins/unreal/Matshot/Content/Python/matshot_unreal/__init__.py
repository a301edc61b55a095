"""Matshot in Unreal: menus and a panel, textures out to the worker, materials in."""
