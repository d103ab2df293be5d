"""Which tests of a parallel run share a worker: those of a file, and all that look at a whole cloud stack."""

from __future__ import annotations

import functools
from pathlib import Path

from xdist.scheduler import LoadFileScheduling

_RECORDING = "tests.support.cloud_recording"


class SharedFixtures(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """A file's expensive fixtures are made once. So is the recording of a stack, which several files ask for.

    The mark xdist_group would say it in the tests, but pytest 9.2 no longer sees the name that xdist 3.8 gives a test.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return _RECORDING if _records(Path(self.config.rootpath) / file) else file


@functools.cache
def _records(file: Path) -> bool:
    return _RECORDING in file.read_text()
