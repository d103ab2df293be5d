"""`python -m hotpath` is the same as the `hotpath` command."""

from hotpath.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
