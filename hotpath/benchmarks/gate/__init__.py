"""The instruction gate: what the core operations cost in instructions and branch mispredictions, against a baseline."""
