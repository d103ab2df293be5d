"""python -m controlplane.oms --config FILE"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from controlplane.oms import app, config

BAD_CONFIGURATION_EXIT = 78


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m controlplane.oms",
        description="Order management system: stores every router's order events and answers for orders, fills and "
        "positions over HTTP.",
        epilog="Exit codes: 0 stopped by a signal, 78 bad configuration (do not restart), 1 otherwise.",
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="JSON configuration")
    parser.add_argument("--check", action="store_true", help="only check the configuration")
    args = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s oms %(levelname)s %(name)s %(message)s"
    )
    try:
        settings = config.load(args.config)
    except config.ConfigError as error:
        print(f"oms: {error}", file=sys.stderr)
        return BAD_CONFIGURATION_EXIT
    return 0 if args.check else app.run_until_stopped(settings)


if __name__ == "__main__":
    sys.exit(main())
