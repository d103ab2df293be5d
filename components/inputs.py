"""Types of Args fields that another component's output may fill.

`pulumi.Input` cannot be a pydantic field: it names `Output` by a forward reference that only pulumi can resolve.
"""

from __future__ import annotations

import pulumi

Text = str | pulumi.Output[str]
