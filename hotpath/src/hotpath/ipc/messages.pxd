# cython: language_level=3
"""Fixed-size messages that cross the shared-memory rings and the order-event journal.

Units: prices are int64 in 1/10,000 of a dollar (ITCH Price(4)); quantities are shares;
*_ns fields are CLOCK_MONOTONIC nanoseconds unless the name says exchange (venue clock, ns since
midnight) or wall (CLOCK_REALTIME). A ring adds 8 bytes of its own to a message and rounds up to whole cache lines, so a
message of 120 bytes takes two.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum BookEventKind:
    BOOK_UPDATE = 1          # top of book after one or more feed messages
    BOOK_TRADE = 2           # a print (visible or hidden); top of book repeated
    BOOK_STALE = 3           # open gap or silent feed: do not quote on it
    BOOK_RECOVERED = 4       # gap closed or snapshot loaded; the fields are good again
    BOOK_TRADING_STATE = 5   # trading_state changed (T trading, H halted, P paused, Q quotation, E session over)
    BOOK_RESET = 6           # new market data session: all earlier state is void

# feed handler -> strategy, 120 bytes
cdef struct BookEvent:
    uint8_t kind
    uint8_t trading_state
    uint16_t locate
    uint32_t conflated            # feed messages folded into this event beyond the first
    uint64_t feed_sequence        # MoldUDP64 sequence of the last message applied
    int64_t exchange_ns
    int64_t received_ns           # packet of the last message applied left the socket
    int64_t published_ns
    int64_t bid_price             # 0 = side empty
    int64_t ask_price             # 0 = side empty
    int64_t bid_shares
    int64_t ask_shares
    int32_t bid_orders
    int32_t ask_orders
    int64_t last_price            # last print, 0 = none yet
    int64_t last_shares
    uint8_t reserved[24]

cdef enum IntentKind:
    INTENT_NEW = 1
    INTENT_REPLACE = 2
    INTENT_CANCEL = 3
    INTENT_MASS_CANCEL = 4

cdef enum IntentFlag:
    INTENT_POST_ONLY = 1

# strategy -> order router, 120 bytes. order ids are the strategy's own, strictly increasing per strategy epoch.
cdef struct Intent:
    uint8_t kind
    uint8_t side                  # 'B' or 'S' (NEW)
    uint8_t time_in_force         # '0' day, '3' IOC
    uint8_t flags                 # IntentFlag bits
    uint16_t locate
    uint16_t reserved0
    uint32_t strategy_epoch
    uint32_t router_epoch         # the router epoch the strategy last heard from; a stale one is refused
    uint32_t order_id             # NEW: the new order; REPLACE/CANCEL: the target
    uint32_t new_order_id         # REPLACE: the order it becomes
    int64_t price
    int64_t quantity              # REPLACE: total for the chain, as in OUCH
    int64_t tick_received_ns      # received_ns of the market data that caused it (0 = none)
    int64_t created_ns
    uint8_t reserved[64]

cdef enum OrderEventKind:
    EVENT_ROUTER_STARTED = 1      # new router epoch; order ids of an older one are settled by the EVENTS before it
    EVENT_NEW_SENT = 2
    EVENT_ACCEPTED = 3
    EVENT_REFUSED = 4             # by the risk gate or router, never left the host; reason = RefusalReason
    EVENT_REJECTED = 5            # by the venue (OUCH J); reason = low byte of the OUCH reject code
    EVENT_REPLACE_SENT = 6
    EVENT_REPLACED = 7            # user_ref_num = new number, orig_user_ref_num = the one it replaces (now REPLACED)
    EVENT_CANCEL_SENT = 8
    EVENT_CANCELED = 9            # last_quantity = shares taken off (increment); reason = OUCH cancel reason char
    EVENT_EXECUTED = 10           # last_price, last_quantity, match_number
    EVENT_BROKEN = 11             # trade break of match_number
    EVENT_MASS_CANCEL_SENT = 12
    EVENT_SESSION_UP = 13         # Soup login accepted
    EVENT_SESSION_DOWN = 14
    EVENT_RECONCILED = 15         # quantity = orders compared, last_quantity = breaks
    EVENT_ORDER_UNKNOWN = 16      # state at the venue could not be established
    EVENT_MODE = 17               # reason = TradingMode
    EVENT_CANCEL_PROOF = 18       # one per order open at the signal: state says cancelled, filled or unknown
    EVENT_STRATEGY_LOST = 19      # strategy died or its ring was superseded; its orders are being cancelled
    EVENT_CANCEL_PROOF_DONE = 20  # quantity = orders listed, last_quantity = unknown ones

cdef enum OrderState:
    ORDER_NONE = 0
    ORDER_PENDING_NEW = 1
    ORDER_LIVE = 2
    ORDER_PENDING_REPLACE = 3
    ORDER_PENDING_CANCEL = 4
    ORDER_FILLED = 5
    ORDER_CANCELED = 6
    ORDER_REJECTED = 7
    ORDER_REPLACED = 8
    ORDER_UNKNOWN = 9
    ORDER_REFUSED = 10

cdef enum RefusalReason:
    REFUSED_NONE = 0
    REFUSED_KILLED = 1
    REFUSED_HALTED = 2            # mode HALTED or not yet reconciled
    REFUSED_REDUCE_ONLY = 3
    REFUSED_MAX_ORDER_SIZE = 4
    REFUSED_MAX_NOTIONAL = 5
    REFUSED_PRICE_COLLAR = 6
    REFUSED_POSITION_LIMIT = 7
    REFUSED_MESSAGE_RATE = 8
    REFUSED_DUPLICATE_ID = 9
    REFUSED_STALE_EPOCH = 10
    REFUSED_SESSION_DOWN = 11
    REFUSED_UNKNOWN_ORDER = 12    # replace/cancel of an order that is not live
    REFUSED_INVALID = 13          # field out of range (quantity, price, side, tif, locate)
    REFUSED_TOO_MANY_ORDERS = 14  # order pool full
    REFUSED_AUDIT_FULL = 15       # journal or order-event ring has no room
    REFUSED_NO_REFERENCE_PRICE = 16  # collar cannot be checked: book stale or empty

cdef enum TradingMode:
    MODE_HALTED = 0
    MODE_REDUCING = 1
    MODE_ACTIVE = 2

# order router -> strategy (ring), and the record of the order-event journal, 256 bytes
cdef struct OrderEvent:
    uint64_t sequence             # gapless per (host, role), continues over epochs; 0 only on ring snapshots
    int64_t wall_ns
    int64_t mono_ns
    uint32_t epoch                # router fencing epoch
    uint32_t strategy_epoch
    uint8_t kind
    uint8_t state                 # OrderState after the event
    uint8_t side
    uint8_t reason
    uint8_t time_in_force
    uint8_t flags
    uint16_t locate
    uint32_t order_id             # strategy's id (0 = none)
    uint32_t user_ref_num         # OUCH number (0 = never sent)
    uint32_t orig_user_ref_num
    uint32_t orig_order_id
    int64_t price
    int64_t quantity              # order quantity (chain total for a replaced order)
    int64_t leaves                # still open after the event
    int64_t filled                # cumulative for the chain
    int64_t last_price
    int64_t last_quantity
    uint64_t match_number
    uint64_t order_reference_number
    uint64_t venue_sequence       # Soup sequence number it came from (0 = our own event)
    int64_t venue_ns              # OUCH timestamp, ns since midnight
    int64_t position              # signed shares after the event
    int64_t tick_received_ns
    int64_t sent_ns               # when the order message left for the socket
    char symbol[8]
    char session[10]              # Soup session of the venue day
    char cl_ord_id[14]
    uint8_t reserved[64]

# agent -> order router, under a seqlock ("control"), 192 bytes
cdef struct ControlBlock:
    uint64_t version              # increases with each change
    uint32_t epoch                # epoch of the command that set it
    uint8_t mode                  # TradingMode
    uint8_t killed                # latching; only an explicit re-arm clears it
    uint16_t reserved0
    int64_t lease_expires_mono_ns # risk lease; after it the router is reduce-only. 0 = no lease required
    int64_t max_order_quantity
    int64_t max_notional          # per order, price units x shares
    int64_t max_position          # absolute shares, worst case over open orders
    int64_t collar_bps            # allowed distance from the reference price, 1/100 of a percent
    int64_t max_messages_per_second
    int64_t max_open_orders
    uint64_t rearms               # Rearm commands ever applied: only a higher number re-arms a latched router
    uint8_t reserved[112]

# order router -> anyone, under a seqlock ("position"), 128 bytes
cdef struct PositionBlock:
    uint64_t sequence             # of the last order event it includes
    uint32_t epoch
    uint16_t locate
    uint16_t reserved0
    int64_t position
    int64_t bought
    int64_t sold
    int64_t bought_notional
    int64_t sold_notional
    int64_t open_buy
    int64_t open_sell
    int64_t open_orders
    uint8_t reserved[48]
