"""The one recorder behind every mock test: runs a Pulumi program and keeps all that the engine would have been told.

`deploy(program)` runs it as a preview and as an update, `record` as one of them, and both fail on what Pulumi's own
mocks let pass; each guard is named in `guards.py`, `run.py` or `checks.py` and has a test in
tests/unit/test_recorder.py.
"""

from tests.recorder.properties import UNKNOWN, UnknownError
from tests.recorder.recording import Recording, Resource
from tests.recorder.run import deploy, record

__all__ = ["UNKNOWN", "Recording", "Resource", "UnknownError", "deploy", "record"]
