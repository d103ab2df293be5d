"""Coverage-guided fuzzing of the wire codecs, run by `make fuzz`; targets.py serves the tests too."""
