"""Stand-in provider plugins: gRPC servers that the real engine talks to."""
