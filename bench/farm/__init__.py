"""Benchmarks: farm."""
