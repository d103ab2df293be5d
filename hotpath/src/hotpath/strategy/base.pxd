"""Base class of strategies. A user's strategy is a `cdef class` that extends Strategy and overrides the callbacks.

    cdef class Mine(Strategy):
        Parameters = MineParameters           # msgspec.Struct: names, types, limits and defaults of its parameters
        cdef void on_book(self, const BookEvent* event) noexcept nogil:
            if self.can_quote() and self.open_orders == 0:
                self.buy(event.bid_price, 100, True, TIF_DAY)

Callbacks run without the GIL, one at a time, on one thread. A strategy can do nothing but write intents: the order
router, another process, decides on each of them. Prices are int64 in 1/10,000 dollar, quantities shares, times
CLOCK_MONOTONIC ns.

While the book is not good (gap, new feed session, feed handler silent or gone) every open order is cancelled, after
on_book has had its say. A strategy that may keep orders without prices sets the class attribute CANCEL_WHEN_STALE
to False, and answers for them itself.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from hotpath.ipc.messages cimport BookEvent, Intent, OrderEvent, PositionBlock

cdef enum TimeInForce:
    TIF_DAY = 48                  # '0'
    TIF_IOC = 51                  # '3'

cdef enum:
    SIDE_BUY = 66                 # 'B'
    SIDE_SELL = 83                # 'S'
    MAX_OWN_ORDERS = 1024         # table slots, a power of two; this many orders can be open at a time
    OUTBOX_INTENTS = 64           # intents of one callback that may wait for room in the ring
    NO_SLOT = -1
    STALE_CANCEL_RETRY_NS = 100_000_000   # between mass cancels while the book is not good and orders stay open
    OWN_ECHO_NS = 50_000_000      # how long after its end the feed may still show an own order

# One of our orders, or a replace that is under way. Stays readable after its end until the slot is used again.
cdef struct OwnOrder:
    uint32_t order_id
    uint32_t replaces             # order id that this one is to replace, or has replaced; 0 = entered as new
    uint32_t replaced_by          # replace under way or done; 0 = none
    uint8_t state                 # OrderState
    uint8_t side
    uint8_t time_in_force
    uint8_t flags
    int64_t price
    int64_t quantity              # total of the replace chain
    int64_t filled                # of the chain
    int64_t leaves
    int64_t closed_ns             # when it ended; 0 = still open
    int32_t next                  # open orders, oldest first
    int32_t previous

cdef struct StrategyCounters:
    int64_t book_events
    int64_t order_events
    int64_t intents
    int64_t outbox_full           # helper calls that found no room
    int64_t table_full
    int64_t closed_entry          # buy, sell or replace while order entry was closed or draining
    int64_t refused
    int64_t rejected
    int64_t fills
    int64_t bought
    int64_t sold
    int64_t dropped_intents       # written but never published: router gone, or draining
    int64_t adopted_orders        # orders of ours first heard of from an event
    int64_t foreign_events        # about orders of an earlier strategy process

cdef bint order_is_open(const OwnOrder* order) noexcept nogil

cdef class Strategy:
    # ---- what a strategy may read
    cdef readonly object parameters
    cdef readonly uint16_t locate
    cdef readonly int64_t tick
    cdef readonly int64_t round_lot
    cdef readonly int64_t now_ns          # of the callback under way
    cdef BookEvent book                   # latest book event
    cdef readonly bint book_fresh         # the prices in `book` may be used
    cdef readonly bint order_entry_open   # a reconciled router takes orders
    cdef readonly bint draining           # stopping: no new orders
    cdef readonly int32_t open_orders
    cdef readonly int64_t position        # signed shares, as the router has it
    cdef readonly int64_t cash            # sales minus purchases, price units x shares, since the router's books began
    cdef readonly uint32_t strategy_epoch
    cdef readonly uint32_t router_epoch
    cdef StrategyCounters counters

    # ---- callbacks: override them
    cdef void on_book(self, const BookEvent* event) noexcept nogil
    cdef void on_order_event(self, const OrderEvent* event) noexcept nogil
    # Every timer_ms, and soon after order entry has opened or closed.
    cdef void on_timer(self, int64_t now_ns) noexcept nogil

    # ---- actions: the id of the order, 0 when nothing was written (see the counters)
    cdef uint32_t buy(self, int64_t price, int64_t quantity, bint post_only, uint8_t time_in_force) noexcept nogil
    cdef uint32_t sell(self, int64_t price, int64_t quantity, bint post_only, uint8_t time_in_force) noexcept nogil
    # quantity: new total of the chain, so `filled` + what is to be open. Returns the id that the order will have.
    cdef uint32_t replace(self, uint32_t order_id, int64_t price, int64_t quantity) noexcept nogil
    cdef bint cancel(self, uint32_t order_id) noexcept nogil
    cdef bint cancel_all(self) noexcept nogil

    # ---- own orders
    cdef OwnOrder* order(self, uint32_t order_id) noexcept nogil      # NULL when unknown or forgotten
    cdef OwnOrder* latest(self, uint32_t order_id) noexcept nogil     # the same, after the replaces that took effect
    cdef OwnOrder* first_open(self) noexcept nogil
    cdef OwnOrder* next_open(self, const OwnOrder* order) noexcept nogil
    # Orders the level could show that are ours: open ones, and any that ended within OWN_ECHO_NS.
    cdef int own_orders_at(self, uint8_t side, int64_t price) noexcept nogil

    # ---- prices
    cdef bint can_quote(self) noexcept nogil              # fresh two-sided uncrossed book, trading, order entry open
    cdef int64_t floor_tick(self, int64_t price) noexcept nogil
    cdef int64_t ceil_tick(self, int64_t price) noexcept nogil
    cdef int64_t marked_pnl(self) noexcept nogil          # cash + position at mid; price units x shares

    # ---- for the runner
    cdef void handle_book(self, const BookEvent* event, int64_t now_ns) noexcept nogil
    cdef void handle_order(self, const OrderEvent* event, int64_t now_ns) noexcept nogil
    cdef void handle_timer(self, int64_t now_ns) noexcept nogil
    cdef void book_lost(self, int64_t now_ns) noexcept nogil
    cdef void router_attached(self, uint32_t epoch, const PositionBlock* block) noexcept nogil
    cdef void set_order_entry(self, bint opened, int64_t now_ns) noexcept nogil
    cdef void begin_drain(self) noexcept nogil
    cdef const Intent* next_intent(self) noexcept nogil   # NULL when there is none
    cdef void intent_taken(self) noexcept nogil
    cdef int drop_intents(self) noexcept nogil            # those not taken yet; their orders end as REFUSED
    cdef void forget_orders(self) noexcept nogil          # of an earlier router epoch: settled there

    cdef Intent* _outbox
    cdef uint32_t _outbox_head
    cdef uint32_t _outbox_tail
    cdef OwnOrder* _orders
    cdef int32_t _open_first
    cdef int32_t _open_last
    cdef uint32_t _last_order_id
    cdef uint64_t _cash_sequence          # fills up to here are in the position block that cash began with
    cdef int64_t _mark                    # last usable mid x 2
    cdef bint _cancel_when_stale
    cdef int64_t _stale_cancel_due_ns
    cdef int64_t _tick_received_ns        # of the market data behind the callback under way

    cdef uint32_t _enter(self, uint8_t side, int64_t price, int64_t quantity, bint post_only,
                         uint8_t time_in_force) noexcept nogil
    cdef void _cancel_unpriced(self) noexcept nogil
    cdef Intent* _new_intent(self, uint8_t kind) noexcept nogil
    cdef bint _may_enter(self) noexcept nogil
    cdef OwnOrder* _add(self, uint32_t order_id) noexcept nogil
    cdef OwnOrder* _next_free(self) noexcept nogil
    cdef void _set_state(self, OwnOrder* order, uint8_t state) noexcept nogil
    cdef void _apply(self, const OrderEvent* event) noexcept nogil
    cdef void _refused(self, const OrderEvent* event) noexcept nogil
    cdef void _end_replace(self, OwnOrder* order) noexcept nogil
