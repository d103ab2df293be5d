"""What a preview shows: every planned change as it comes, and at the end all that matters at one glance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cli.console import console
from cli.pulumi import Event, Outcome
from rehearsal.plugins.aws.semantics import semantics

_LISTED = 30  # more creations than this are counted by kind
_STOPS = "stop_start"


def counts(metadata: Event) -> bool:
    """Resources of providers; components and providers themselves change nothing."""
    state = metadata.get("new") or metadata.get("old") or {}
    return bool(state.get("custom")) and not str(metadata["type"]).startswith("pulumi:")


class PlannedSteps:
    """Prints every planned change with the properties behind it; many creations are counted by kind.

    stopped: names of instances that a change in place stops and starts, with real providers too: what stops one is
    known from the data that the rehearsal stands on.
    """

    def __init__(self) -> None:
        self._created: list[tuple[str, str]] = []
        self.stopped: list[str] = []

    def __call__(self, event: Event) -> None:
        planned = event.get("resourcePreEvent")
        if not planned or not counts(planned["metadata"]):
            return
        metadata = planned["metadata"]
        kind, name = str(metadata["type"]), str(metadata["urn"]).rsplit("::", 1)[1]
        match metadata["op"]:
            case "create":
                self._created.append((kind, name))
            case "delete":
                console.print(f"  - {name}  {kind}", markup=False, style="red")
            case "replace":
                console.print(f"  ! {name}  {kind}: REPLACED, by {_shown(metadata, replacing=True)}", markup=False)
            case "update":
                console.print(f"  ~ {name}  {kind}: {_shown(metadata, replacing=False)}", markup=False)
                if _stops(kind, metadata):
                    self.stopped.append(name)

    def finish(self) -> None:
        if len(self._created) <= _LISTED:
            for kind, name in self._created:
                console.print(f"  + {name}  {kind}", markup=False, style="green")
            return
        for kind, number in sorted(Counter(kind for kind, _ in self._created).items()):
            console.print(f"  + {number:3}  {kind}", markup=False, style="green")


def glance(outcome: Outcome, stopped: list[str]) -> Iterator[str]:
    """Lines on what a person has to know before `up`; none when nothing is replaced, deleted, stopped or refused."""
    for what, names in (
        ("refused", outcome.refused),
        ("replaced", outcome.replaced),
        ("deleted", outcome.deleted),
        ("stopped and started", stopped),
    ):
        shown = [name for name in names if what == "refused" or name not in outcome.refused]
        if shown:
            yield f"{what} ({len(shown)}): {', '.join(shown)}"


def counted(outcome: Outcome) -> str:
    numbers = {
        "created": outcome.created,
        "replaced": outcome.replaced,
        "updated": outcome.updated,
        "deleted": outcome.deleted,
        "unchanged": outcome.unchanged,
    }
    return ", ".join(f"{len(names)} {what}" for what, names in numbers.items() if names) or "nothing"


def _stops(kind: str, metadata: Event) -> bool:
    known = semantics().get(kind)
    return known is not None and any(known.effect(path) == _STOPS for path in _paths(metadata))


def _paths(metadata: Event) -> list[str]:
    return sorted(metadata.get("detailedDiff") or ()) or list(metadata.get("diffs") or ())


def _shown(metadata: Event, replacing: bool) -> str:
    detailed = metadata.get("detailedDiff") or {}
    found = [path for path, diff in sorted(detailed.items()) if not replacing or "replace" in str(diff.get("kind", ""))]
    return ", ".join(found or metadata.get("diffs") or ["unknown"])
