"""Order state machine and order table: pure logic over preallocated pools, no I/O and no clock.

An order is one OUCH user reference number; a replace makes a second order that is linked to the first. States:

    PENDING_NEW --A--> LIVE --E--> FILLED | --C--> CANCELED | --U--> REPLACED      PENDING_NEW --J--> REJECTED
    PENDING_REPLACE --U--> LIVE | --J, or its original died--> REJECTED            any open --cancel--> PENDING_CANCEL
    any open --no answer--> UNKNOWN: left only by a message of the venue, or by the fence of `settle_unacknowledged`

Letters are OUCH 5.0 outbound message types. The venue's sequenced stream is the
truth: a message that does not fit is counted as illegal, and a fill always moves the position of its order's symbol,
legal or not. The table's own symbol is the configured instrument; the journal and the venue's stream may hold orders of
others, traded under an earlier configuration, which are settled here too but never count for the instrument.
Quantities are shares, prices Price(4).
"""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from hotpath.ipc.messages cimport Intent, OrderEvent

cdef enum OrderMark:
    MARK_ACCEPTED = 1             # the venue acknowledged the number with A or U

cdef enum ApplyOutcome:
    APPLIED = 0                   # 1 or 2 events written
    APPLIED_NO_EVENT = 1          # legal, changes nothing that is reported (T, P, R, S, X, G, K, Q)
    APPLY_DUPLICATE = 2           # sequence at or below the last one seen
    APPLY_ILLEGAL = 3             # does not fit the state; events are written only for a fill or a break

cdef enum:
    MAX_EVENTS = 2                # a message can end an order and the replace that waited for it
    NO_ORDER = -1
    REASON_LAPSED = 0             # EVENT_REJECTED reason: it never took effect and never can (no OUCH code is 0)
    MAX_BREAKS = 16
    MAX_SYMBOLS = 1024
    OWN_SYMBOL = 0                # index of the configured instrument

cdef enum BreakField:
    BREAK_MISSING_HERE = 1
    BREAK_MISSING_AT_VENUE = 2
    BREAK_STATE = 3
    BREAK_FILLED = 4
    BREAK_LEAVES = 5
    BREAK_SIDE = 6
    BREAK_POSITION = 7
    BREAK_ILLEGAL_MESSAGE = 8
    BREAK_SYMBOL = 9

# One OUCH outbound message, decoded. Fields that its type does not have are 0.
cdef struct VenueMessage:
    uint8_t type
    uint8_t side
    uint8_t time_in_force
    uint8_t order_state           # 'L' live, 'D' dead (A and U)
    uint16_t reason
    uint32_t user_ref_num
    uint32_t orig_user_ref_num
    int64_t quantity
    int64_t price
    uint64_t match_number
    uint64_t order_reference_number
    uint64_t sequence             # Soup sequence number
    int64_t venue_ns
    char symbol[8]                # A and U
    char cl_ord_id[14]

# What the orders of one symbol add up to.
cdef struct SymbolTotals:
    char symbol[8]
    bint restored                 # the journal has told where it began
    int32_t open_count
    int64_t position
    int64_t session_base          # position when the session began
    int64_t bought
    int64_t sold
    int64_t bought_notional
    int64_t sold_notional
    int64_t open_buy              # worst case shares still to trade
    int64_t open_sell

cdef struct Order:
    uint32_t user_ref_num
    uint32_t order_id
    uint32_t strategy_epoch
    uint32_t orig_user_ref_num    # the number it replaces; 0 = entered as new
    uint32_t next_user_ref_num    # its replacement, outstanding or done; 0 = none
    uint32_t session_index
    int32_t symbol_index          # of OrderTable.totals
    uint8_t state
    uint8_t side
    uint8_t time_in_force
    uint8_t flags
    uint8_t marks
    int64_t price
    int64_t quantity              # total of the chain
    int64_t filled                # of the chain
    int64_t leaves
    int64_t exposure              # shares it can still trade beyond what its original already counts
    uint64_t order_reference_number
    int64_t tick_received_ns
    int64_t sent_ns
    char cl_ord_id[14]
    int32_t next_by_number
    int32_t next_by_id
    int32_t previous              # in the list of open or of dead orders
    int32_t next

cdef struct Fill:
    uint64_t match_number
    uint32_t user_ref_num
    uint32_t session_index
    int64_t price
    int64_t quantity
    bint broken
    int32_t next

cdef struct OrderList:
    int32_t first
    int32_t last

cdef struct Break:
    uint32_t user_ref_num
    int32_t field
    int64_t here
    int64_t venue
    char symbol[8]                # of BREAK_POSITION


cdef bint is_open(uint8_t state) noexcept nogil
cdef void format_cl_ord_id(char* out, uint32_t strategy_epoch, uint32_t order_id) noexcept nogil
cdef bint parse_cl_ord_id(const char* text, uint32_t* strategy_epoch, uint32_t* order_id) noexcept nogil


@cython.final
cdef class OrderTable:
    """OrderTable(capacity, symbol): orders by user reference number and by (strategy epoch, order id), open ones in a list, fills by
    match number, totals by symbol.

    When the pool is full the longest-dead order makes room; with `capacity` open orders `has_room` is false.
    """
    cdef Order* orders
    cdef Fill* fills
    cdef SymbolTotals* totals
    cdef SymbolTotals* own               # of the configured instrument: totals[OWN_SYMBOL]
    cdef int32_t symbols_used
    cdef int32_t symbol_seen             # found last: journals come in long runs of one symbol
    cdef readonly bint symbols_full      # an order was left out because MAX_SYMBOLS others are held
    cdef uint64_t first_record           # sequence of the first record restored, 0 = none yet
    cdef int32_t* by_number
    cdef int32_t* by_id
    cdef int32_t* by_match
    cdef readonly int32_t capacity
    cdef uint32_t bucket_mask
    cdef int32_t used
    cdef int32_t fill_next
    cdef int32_t fills_used
    cdef OrderList open
    cdef OrderList dead
    cdef uint32_t session_index
    cdef char session[10]
    cdef int outcome                     # ApplyOutcome of the last apply
    cdef readonly int32_t open_count
    cdef readonly int32_t unknown_count
    cdef readonly int32_t foreign_open   # open orders of earlier sessions: no message can settle them any more
    cdef public uint32_t last_number     # highest user reference number used in this session
    cdef readonly uint32_t recycled_number   # highest number of this session whose slot was reused
    cdef readonly uint32_t id_epoch      # newest strategy epoch seen, and its highest order id
    cdef readonly uint32_t last_order_id
    cdef readonly uint64_t venue_sequence
    cdef readonly uint64_t illegal
    cdef readonly uint64_t adopted       # orders first heard of from the venue
    cdef readonly uint32_t illegal_number
    cdef readonly uint8_t illegal_type

    # lookup: slot or NO_ORDER
    cdef int32_t find(self, uint32_t user_ref_num) noexcept nogil
    cdef int32_t find_id(self, uint32_t strategy_epoch, uint32_t order_id) noexcept nogil
    # the order that an intent is about; one of another symbol is unknown to the instrument's strategy
    cdef int32_t find_own(self, uint32_t strategy_epoch, uint32_t order_id) noexcept nogil
    cdef bint has_room(self) noexcept nogil
    cdef bint is_unknown(self, int32_t slot) noexcept nogil

    # our own actions; each writes one event
    cdef int32_t add_new(self, uint32_t user_ref_num, uint32_t strategy_epoch, uint32_t order_id, uint8_t side,
                         uint8_t time_in_force, uint8_t flags, int64_t price, int64_t quantity,
                         int64_t tick_received_ns, int64_t sent_ns, OrderEvent* event) noexcept nogil
    cdef int32_t add_replace(self, int32_t original, uint32_t user_ref_num, uint32_t order_id, int64_t price,
                             int64_t quantity, int64_t tick_received_ns, int64_t sent_ns,
                             OrderEvent* event) noexcept nogil
    cdef void cancel_sent(self, int32_t slot, int64_t sent_ns, OrderEvent* event) noexcept nogil
    cdef void mass_cancel_sent(self, uint32_t user_ref_num, OrderEvent* event) noexcept nogil
    cdef void mark_unknown(self, int32_t slot, OrderEvent* event) noexcept nogil
    cdef bint can_replace(self, int32_t slot) noexcept nogil
    cdef bint can_cancel(self, int32_t slot) noexcept nogil
    cdef void consume_id(self, uint32_t strategy_epoch, uint32_t order_id) noexcept nogil
    # Writes EVENT_REFUSED about an intent of which nothing is sent; reason = RefusalReason.
    cdef void refuse(self, const Intent* intent, int reason, OrderEvent* event) noexcept nogil

    # the venue's messages; `events` has room for MAX_EVENTS. Returns how many were written; see `outcome`.
    cdef int apply(self, const VenueMessage* message, OrderEvent* events) noexcept nogil

    # After everything sent up to `fence` was read by the venue and all answers were read by us: an order below it
    # that was never acknowledged has not arrived and, numbers being strictly increasing, never will. Writes one event
    # and returns 1 for each; 0 when there is none left.
    cdef int settle_unacknowledged(self, uint32_t fence, OrderEvent* event) noexcept nogil
    # A crash can fall between the end of an original and the end of its replace: writes the missing event, as above.
    cdef int settle_lapsed(self, OrderEvent* event) noexcept nogil

    # A person's word that an open order of an earlier session is gone: ends one and writes its event; 0 when none is left.
    cdef int settle_foreign(self, OrderEvent* event) noexcept nogil

    cdef void begin_session(self, const char* session) noexcept nogil
    # A comparison view joins the session of the table that it is compared with.
    cdef void adopt_session(self, OrderTable other) noexcept nogil
    cdef void restore(self, const OrderEvent* event) noexcept nogil
    cdef void describe(self, int32_t slot, uint8_t kind, OrderEvent* event) noexcept nogil

    cdef int32_t find_symbol(self, const char* symbol) noexcept nogil
    cdef int32_t _symbol(self, const char* symbol) noexcept nogil
    cdef void _restore_base(self, const OrderEvent* event) noexcept nogil
    cdef int32_t _insert(self, uint32_t user_ref_num, uint32_t strategy_epoch, uint32_t order_id,
                         int32_t symbol_index) noexcept nogil
    cdef int32_t _adopt(self, const VenueMessage* message) noexcept nogil
    cdef void _recycle(self) noexcept nogil
    cdef void _link(self, OrderList* which, int32_t slot) noexcept nogil
    cdef void _unlink(self, OrderList* which, int32_t slot) noexcept nogil
    cdef void _set_state(self, int32_t slot, uint8_t state) noexcept nogil
    cdef void _expose(self, int32_t slot, int64_t exposure) noexcept nogil
    cdef int _lapse(self, int32_t original, OrderEvent* event) noexcept nogil
    cdef void _trade(self, int32_t symbol_index, uint8_t side, int64_t price, int64_t quantity) noexcept nogil
    cdef void _record_fill(self, uint32_t user_ref_num, uint64_t match_number, int64_t price, int64_t quantity) noexcept nogil
    cdef Fill* _find_fill(self, uint32_t user_ref_num, uint64_t match_number) noexcept nogil
    cdef void _chain_filled(self, int32_t slot, int64_t delta) noexcept nogil
    cdef void _expose_replace(self, int32_t slot) noexcept nogil
    cdef int _illegal(self, const VenueMessage* message) noexcept nogil
    cdef int _accepted(self, const VenueMessage* message, OrderEvent* events) noexcept nogil
    cdef int _replaced(self, const VenueMessage* message, OrderEvent* events) noexcept nogil
    cdef int _canceled(self, const VenueMessage* message, OrderEvent* events) noexcept nogil
    cdef int _executed(self, const VenueMessage* message, OrderEvent* events) noexcept nogil
    cdef int _broken(self, const VenueMessage* message, OrderEvent* events) noexcept nogil
    cdef int _rejected(self, const VenueMessage* message, OrderEvent* events) noexcept nogil
    cdef object _order_fields(self, int32_t slot)


# Compares all orders of the session and its position in each symbol; returns the number of breaks, the first MAX_BREAKS of
# which are described.
cdef int64_t compare_tables(OrderTable here, OrderTable venue, Break* breaks, int64_t* compared) noexcept nogil
cdef object event_fields(const OrderEvent* event)
