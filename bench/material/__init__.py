"""Benchmarks of what is read and stored."""
