"""On the path of `test --debug` only: keeps what Python can report but not raise, like an overflow in a nogil function.

Each process appends to a file of its own in the folder $HOTPATH_DEBUG_REPORTS; pytest itself fails the test instead.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

MAX_REPORTS = 50  # of one process: a hot loop would fill the disk
_made = 0


def report(unraisable: UnraisableHookArgs) -> None:
    global _made
    sys.__unraisablehook__(unraisable)
    if _made >= MAX_REPORTS:
        return
    _made += 1
    lines = traceback.format_exception(unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback)
    with open(os.path.join(os.environ["HOTPATH_DEBUG_REPORTS"], f"unraisable.{os.getpid()}"), "a") as file:
        file.write(f"{unraisable.err_msg or 'Exception ignored in'}: {unraisable.object!r}\n{''.join(lines)}")


if os.environ.get("HOTPATH_DEBUG_REPORTS"):
    sys.unraisablehook = report
