from hotpath.feed.handler import FeedHandler
from hotpath.ipc.idle import IdleStrategy
from hotpath.router.engine import RouterEngine
from hotpath.strategy.runner import StrategyRunner

class CompositeLoop:
    def __init__(
        self,
        idle: IdleStrategy,
        feed: FeedHandler | None,
        strategy: StrategyRunner | None,
        router: RouterEngine | None,
    ) -> None: ...
    def spin(self, milliseconds: int) -> None: ...
