"""Command line of the repository: what `make` calls."""
