"""Benchmark loops in Cython, compiled on demand by `benchmarks.build`, which adds their folder to this package."""
