"""Makes the database users of the other programs, each of which logs in with an IAM token."""
