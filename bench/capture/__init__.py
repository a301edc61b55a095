"""Benchmarks: capture."""
