from pathlib import Path

class FlowProgress:
    """How far the flow has come, in a mapped file that survives kill -9. Another identity starts at row 0."""

    resumed: bool
    position: int
    started: bool

    def __init__(self, path: Path, flow_id: str, source: str) -> None: ...
    def close(self) -> None: ...
