"""Benchmarks: shading."""
