from hotpath.venue.market import Market

class FlowRules:
    def __init__(self, market: Market) -> None: ...
