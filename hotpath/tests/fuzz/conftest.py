"""The fuzzing targets lie beside the tests, not in the package that is built."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))
