"""Stand-in for provider plugin `tls`: keys and certificates that are real."""
