"""Measurements of the engine. Run as `python -m benchmarks` with the installed engine on the path; not shipped."""
