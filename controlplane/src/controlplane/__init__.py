"""Programs of the control plane."""
