"""Stand-in for provider plugin `kubernetes`: a real API server judges every object."""
