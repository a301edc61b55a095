"""Matshot in Unreal: menus and a panel; textures are exported to the worker, materials imported."""
