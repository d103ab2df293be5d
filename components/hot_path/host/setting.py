"""One tuned thing of a host: how it is written, how it is read back, and what must be found."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from components.hot_path.host_check.check import Check, Importance, WhenAbsent
from components.hot_path.host_check.comparisons import Comparison
from components.hot_path.host_check.probes import Probe

_UNIT = r"^[A-Za-z0-9@._-]+\.(service|timer|slice)$"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KernelArgument(_Frozen):
    """An argument of the kernel command line: `nosmt`, `nohz_full=4-47`."""

    argument: str = Field(pattern=r"^[A-Za-z0-9_.-]+(=[^\s\"]*)?$")


class FilePiece(_Frozen):
    """Text that belongs into a file; pieces of one file follow each other in the order of the settings."""

    path: str = Field(pattern=r"^/[A-Za-z0-9_./@-]+$")
    text: str


class EnabledUnit(_Frozen):
    """A systemd unit that is started at boot."""

    name: str = Field(pattern=_UNIT)


class MaskedUnit(_Frozen):
    """A systemd unit that cannot be started, by anybody; it need not exist."""

    name: str = Field(pattern=_UNIT)


Render = KernelArgument | FilePiece | EnabledUnit | MaskedUnit


class Setting(_Frozen):
    """render: empty where the host has it by nature and only the check can tell, as its topology.

    source: the kernel document, section of a guide, or manual page that the setting follows.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*(\.[A-Za-z0-9_/-]+)+$")
    reason: str = Field(min_length=10)
    source: str = Field(min_length=3)
    render: tuple[Render, ...] = ()
    probe: Annotated[Probe, Field(union_mode="smart")]
    expected: str | float
    compare: Comparison = "equal"
    importance: Importance = "required"
    when_absent: WhenAbsent = "unknown"

    def check(self) -> Check:
        return Check(
            name=self.name,
            probe=self.probe,
            expected=float(self.expected) if isinstance(self.expected, (int, float)) else self.expected,
            comparison=self.compare,
            reason=self.reason,
            importance=self.importance,
            when_absent=self.when_absent,
        )
