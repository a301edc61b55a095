"""Benchmarks: upscale."""
