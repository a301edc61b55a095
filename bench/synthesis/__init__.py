"""Benchmarks: synthesis."""
