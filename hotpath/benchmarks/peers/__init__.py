"""Programs that run a peer (a rival engine) for the benchmarks, each in its own language and environment."""
