"""Reflectance, rendering and pictures of materials."""
