"""`python -m host_rollout COMMAND`."""

import sys

from .command import main

sys.exit(main())
