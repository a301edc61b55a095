"""Benchmarks: hosts."""
