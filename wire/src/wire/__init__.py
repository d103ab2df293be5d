"""What the hot path and the control plane share: message types, subjects, streams and the NATS client."""
