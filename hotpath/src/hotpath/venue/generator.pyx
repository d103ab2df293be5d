# cython: nonecheck=False
# a None check of `self` in nogil code would need the GIL
"""Seeded order flow, endless or of a given length, a stand-in for a recorded file.

The model (all draws from one SplitMix64 stream, so a seed fixes every row):

* Opening: the first OPENING_ROWS rows are adds at 09:30:00, alternating sides. Then rows arrive as a Poisson process.
* Fair price: moves one tick on a share FAIR_MOVE of the rows, up with probability 1/2 - offset/(2 x FAIR_BOUND): an
  Ehrenfest walk around the reference price, never further than FAIR_BOUND ticks, stationary deviation
  sqrt(FAIR_BOUND / 2) = 20 ticks, mean reversion over FAIR_BOUND / FAIR_MOVE = 80,000 rows.
* Kinds: HIDDEN_SHARE hidden prints, EXECUTE_SHARE executions (plus arbitrage: an order on the wrong side of the fair
  price is hit with probability STALE_HIT a row), REDUCE_SHARE partial cancels; the rest adds or deletes, an add with
  probability 1 - live/(2 x TARGET_ORDERS), so the number of live orders reverts to TARGET_ORDERS and cannot pass twice that.
* Depth: an add rests d ticks from the fair price, d - 1 geometric with mean MEAN_DEPTH - 1, cut at MAX_DEPTH; never
  through the best price of the other side. A delete takes any live order alike.
* Size: round lots (1 + geometric, 10 at most) for ROUND_SHARE of the adds, else 1 to 99 shares.
* A side with MIN_SIDE orders is added to instead of taken from, so both sides are always quoted.

STATISTICS holds the long-run numbers that follow from this; the tests hold the generator to them.
"""
cimport cython
from libc.math cimport log
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from hotpath.venue.flow cimport (FLOW_ADD, FLOW_DELETE, FLOW_EXECUTE, FLOW_HIDDEN, FLOW_REDUCE, FlowRow, FlowSource)
from hotpath.venue.flow import FlowError

cdef enum:
    STATE_VERSION = 1
    OPENING_ROWS = 300
    FAIR_BOUND = 800
    MAX_DEPTH = 60
    MIN_SIDE = 50
    LOT = 100
    MAX_LOTS = 10

cdef double FAIR_MOVE = 0.01
cdef double HIDDEN_SHARE = 0.025
cdef double EXECUTE_SHARE = 0.045
cdef double REDUCE_SHARE = 0.01
cdef double STALE_HIT = 0.5
cdef double MEAN_DEPTH = 8.0
cdef double ROUND_SHARE = 0.8
cdef int64_t MAX_PRICE = 2_000_000_000
MAX_ROWS = 1_000_000_000_000

OPEN_NS = 34_200 * 1_000_000_000
cdef int64_t _OPEN_NS = OPEN_NS

STATISTICS = {
    "add_share": 0.448,
    "delete_share": 0.364,
    "execute_share": 0.155,      # EXECUTE_SHARE and the arbitrage that follows the fair price
    "hidden_share": 0.025,
    "reduce_share": 0.0085,
    "cancel_ratio": 0.81,        # deletes per add
    "live_orders": 358.0,
    "depth_ticks": 9.8,          # resting order to the middle of the spread, mean
    "spread_ticks": 2.13,
}


@cython.overflowcheck(False)
cdef inline uint64_t _next(GeneratorState* s) noexcept nogil:
    cdef uint64_t z
    s.random += <uint64_t>0x9E3779B97F4A7C15
    z = s.random
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return z ^ (z >> 31)


cdef inline double _uniform(GeneratorState* s) noexcept nogil:
    return <double>(_next(s) >> 11) * (1.0 / 9007199254740992.0)


cdef inline int32_t _below(GeneratorState* s, int32_t bound) noexcept nogil:
    return <int32_t>(((_next(s) >> 32) * <uint64_t>bound) >> 32)


cdef inline int32_t _geometric(GeneratorState* s, double mean) noexcept nogil:
    """0, 1, 2, ... with the given mean."""
    return <int32_t>(log(1.0 - _uniform(s)) / log(mean / (1.0 + mean)))


cdef class GeneratedFlow(FlowSource):
    def __init__(self, seed, double rows_per_second, reference_price, tick, rows=None):
        if not 0 <= seed < 1 << 63:
            raise FlowError(f"flow.seed: {seed} must be 0 to 2**63 - 1")
        if not 0.001 <= rows_per_second <= 1e6:
            raise FlowError(f"flow.rows_per_second: {rows_per_second} must be 0.001 to 1000000")
        if rows is not None and not 1 <= rows <= MAX_ROWS:
            raise FlowError(f"flow.rows: {rows} must be 1 to {MAX_ROWS}, or null for an endless flow")
        if not 1 <= tick <= 10_000_000:
            raise FlowError(f"instrument.tick: {tick} must be 1 to 10000000 (1/10,000 $)")
        if reference_price % tick:
            raise FlowError(f"flow.reference_price: {reference_price} is not a multiple of the tick, {tick}")
        reach = FAIR_BOUND + MAX_DEPTH + 1
        if not reach * tick < reference_price <= MAX_PRICE - reach * tick:
            raise FlowError(f"flow.reference_price: {reference_price} must be more than {reach} ticks of {tick} above 0 "
                            f"and below {MAX_PRICE}")
        self.name = f"generator seed {seed}"
        self.symbol = ""
        self.total = -1 if rows is None else rows
        self.tick_size = tick
        self.reference_tick = reference_price // tick
        self.mean_gap_ns = 1e9 / rows_per_second
        memset(&self.state, 0, sizeof(self.state))
        self.state.version = STATE_VERSION
        self.state.random = seed
        self.state.next_order_id = 1
        self.state.time_ns = _OPEN_NS
        self.state.best[0] = -1
        self.state.best[1] = -1
        self._generate()

    cdef const FlowRow* peek(self) noexcept nogil:
        if self.total >= 0 and self.position >= <uint64_t>self.total:
            return NULL
        return &self.state.row

    cdef void advance(self) noexcept nogil:
        self.position += 1
        self._apply()
        self._generate()

    cdef void _apply(self) noexcept nogil:
        """Bring the live orders up to date with the row just consumed, so that they are exact at any position."""
        cdef GeneratorState* s = &self.state
        cdef int side = 0 if s.row.side == c'B' else 1
        cdef int32_t tick
        if s.row.kind == FLOW_HIDDEN:
            return
        if s.row.kind == FLOW_ADD:
            tick = <int32_t>(s.row.price // self.tick_size)
            s.live[side][s.counts[side]].order_id = s.row.order_id
            s.live[side][s.counts[side]].tick = tick
            s.live[side][s.counts[side]].size = s.row.size
            s.counts[side] += 1
            if s.counts[side] == 1 or (tick > s.best[0] if side == 0 else tick < s.best[1]):
                s.best[side] = tick
            return
        s.live[side][s.target].size -= s.row.size
        if s.live[side][s.target].size == 0:
            self._remove(side, s.target)

    cdef void _generate(self) noexcept nogil:
        cdef GeneratorState* s = &self.state
        cdef double u
        cdef int side, index
        cdef int32_t size
        cdef int64_t fair
        s.produced += 1
        memset(&s.row, 0, sizeof(s.row))
        if s.produced <= OPENING_ROWS:
            s.row.time_ns = s.time_ns
            self._add(<int>(s.produced & 1))
            return
        s.time_ns += <int64_t>(-log(1.0 - _uniform(s)) * self.mean_gap_ns)
        s.row.time_ns = s.time_ns
        if _uniform(s) < FAIR_MOVE:
            s.fair_offset += 1 if _uniform(s) < 0.5 - <double>s.fair_offset / (2.0 * FAIR_BOUND) else -1
        fair = self.reference_tick + s.fair_offset
        u = _uniform(s)
        if u < HIDDEN_SHARE:
            self._hidden()
            return
        side = -1
        if s.best[1] <= fair:
            side = 1
        elif s.best[0] >= fair:
            side = 0
        if side >= 0 and _uniform(s) < STALE_HIT:
            self._execute(side)
            return
        if u < HIDDEN_SHARE + EXECUTE_SHARE:
            self._execute(side if side >= 0 else <int>(_next(s) >> 63))
            return
        side = 0 if _below(s, s.counts[0] + s.counts[1]) < s.counts[0] else 1
        if s.counts[side] <= MIN_SIDE:
            self._add(side)
        elif u < HIDDEN_SHARE + EXECUTE_SHARE + REDUCE_SHARE:
            index = _below(s, s.counts[side])
            size = s.live[side][index].size
            if size == 1:
                self._take(FLOW_DELETE, side, index, size)
            else:
                self._take(FLOW_REDUCE, side, index, 1 + _below(s, size - 1))
        elif _uniform(s) < 1.0 - <double>(s.counts[0] + s.counts[1]) / (2.0 * TARGET_ORDERS):
            self._add(<int>(_next(s) >> 63))
        else:
            index = _below(s, s.counts[side])
            self._take(FLOW_DELETE, side, index, s.live[side][index].size)

    cdef void _add(self, int side) noexcept nogil:
        cdef GeneratorState* s = &self.state
        cdef int32_t depth = 1 + _geometric(s, MEAN_DEPTH - 1.0)
        cdef int64_t tick = self.reference_tick + s.fair_offset
        if depth > MAX_DEPTH:
            depth = MAX_DEPTH
        if side == 0:
            tick -= depth
            if s.counts[1] and tick >= s.best[1]:
                tick = s.best[1] - 1
        else:
            tick += depth
            if s.counts[0] and tick <= s.best[0]:
                tick = s.best[0] + 1
        s.row.kind = FLOW_ADD
        s.row.order_id = s.next_order_id
        s.next_order_id += 1
        s.row.price = tick * self.tick_size
        if _uniform(s) < ROUND_SHARE:
            s.row.size = LOT * min(1 + _geometric(s, 1.0), MAX_LOTS)
        else:
            s.row.size = 1 + _below(s, LOT - 1)
        s.row.side = c'B' if side == 0 else c'S'

    cdef void _take(self, int kind, int side, int index, int32_t size) noexcept nogil:
        cdef LiveOrder* order = &self.state.live[side][index]
        self.state.target = index
        self.state.row.kind = <uint8_t>kind
        self.state.row.order_id = order.order_id
        self.state.row.price = order.tick * self.tick_size
        self.state.row.size = size
        self.state.row.side = c'B' if side == 0 else c'S'

    cdef void _execute(self, int side) noexcept nogil:
        """Hit the oldest order at the best price, wholly in half of the cases."""
        cdef GeneratorState* s = &self.state
        cdef int i
        cdef int oldest = -1
        cdef int32_t size
        if s.counts[side] <= MIN_SIDE:
            self._add(side)
            return
        for i in range(s.counts[side]):
            if s.live[side][i].tick == s.best[side]:
                if oldest < 0 or s.live[side][i].order_id < s.live[side][oldest].order_id:
                    oldest = i
        size = s.live[side][oldest].size
        if _next(s) >> 63:
            size = 1 + _below(s, size)
        self._take(FLOW_EXECUTE, side, oldest, size)

    cdef void _hidden(self) noexcept nogil:
        cdef GeneratorState* s = &self.state
        s.row.kind = FLOW_HIDDEN
        s.row.price = (s.best[0] + _below(s, s.best[1] - s.best[0] + 1)) * self.tick_size
        s.row.size = LOT * (1 + _below(s, 3)) if _next(s) >> 63 else 1 + _below(s, LOT - 1)
        s.row.side = c'B' if _next(s) >> 63 else c'S'

    cdef void _remove(self, int side, int index) noexcept nogil:
        cdef GeneratorState* s = &self.state
        cdef int32_t tick = s.live[side][index].tick
        s.counts[side] -= 1
        s.live[side][index] = s.live[side][s.counts[side]]
        if tick == s.best[side]:
            self._rescan(side)

    cdef void _rescan(self, int side) noexcept nogil:
        cdef GeneratorState* s = &self.state
        cdef int i
        cdef int32_t best = s.live[side][0].tick
        for i in range(1, s.counts[side]):
            if s.live[side][i].tick > best if side == 0 else s.live[side][i].tick < best:
                best = s.live[side][i].tick
        s.best[side] = best

    def skip_to(self, uint64_t position):
        if position < self.position:
            raise FlowError(f"{self.name}: cannot go back from row {self.position} to {position}")
        with nogil:
            while self.position < position:
                self.advance()

    def save(self):
        return (<char*>&self.position)[:sizeof(self.position)] + (<char*>&self.state)[:sizeof(self.state)]

    def restore(self, bytes data):
        cdef GeneratorState candidate
        cdef const char* raw = data
        cdef uint64_t position = 0
        if len(data) != sizeof(position) + sizeof(candidate):
            raise FlowError(f"{self.name}: the saved state has {len(data)} bytes, not {sizeof(position) + sizeof(candidate)}")
        memcpy(&position, raw, sizeof(position))
        memcpy(&candidate, raw + sizeof(position), sizeof(candidate))
        if (candidate.version != STATE_VERSION or candidate.produced != position + 1
                or not 0 <= candidate.counts[0] <= MAX_ORDERS or not 0 <= candidate.counts[1] <= MAX_ORDERS
                or not 0 <= candidate.target < MAX_ORDERS):
            raise FlowError(f"{self.name}: the saved state is not from this generator")
        self.state = candidate
        self.position = position

    def live_orders(self):
        orders = []
        for side in range(2):
            for i in range(self.state.counts[side]):
                orders.append((self.state.live[side][i].order_id, "BS"[side],
                               self.state.live[side][i].tick * self.tick_size, self.state.live[side][i].size))
        return sorted(orders)
