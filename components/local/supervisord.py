"""supervisord with a shorter poll: the stock loop may notice a dead process a whole second late."""

from __future__ import annotations

from typing import Any

from supervisor import supervisord
from supervisor.options import ServerOptions

MAX_POLL_S = 0.1


class _PromptOptions(ServerOptions):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        poll = self.poller.poll

        def capped(timeout: float) -> Any:
            return poll(min(timeout, MAX_POLL_S))

        self.poller.poll = capped


if __name__ == "__main__":
    supervisord.ServerOptions = _PromptOptions
    supervisord.main()
