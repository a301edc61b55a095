"""Textures: their pixels, colors, normals and files."""
