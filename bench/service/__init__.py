"""Benchmarks: service."""
