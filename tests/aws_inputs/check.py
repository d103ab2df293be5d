def problems(resources): return []
