"""Stand-in for the provider plugin `command`: really runs `command:local:Command` and `local.run`."""
