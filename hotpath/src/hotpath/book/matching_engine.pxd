"""Price-time-priority matching of one symbol; results are C structs in a preallocated event buffer.

Calling pattern:
    status = engine.submit(...)
    while True:
        for i in range(engine.event_count): handle(&engine.events[i])
        engine.clear_events()
        if status != ENGINE_MORE: break
        status = engine.resume()

Event order of one entry: ACCEPTED (or REPLACED), EXECUTED / self-match CANCELED in matching order, then RESTED with
what is left, or CANCELED for an IOC or post-only remainder. A refused operation gives exactly one REJECTED.
"""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from hotpath.book.limit_order_book cimport LimitOrderBook
from hotpath.book.order_pool cimport Order

cpdef enum EngineStatus:
    ENGINE_DONE = 0
    ENGINE_MORE = 1               # event buffer full: drain it, clear_events(), resume()
    ENGINE_BUSY = 2               # an operation waits for resume(), or the buffer is not drained: nothing was done

cpdef enum EngineEventKind:
    ENGINE_ACCEPTED = 1           # quantity = entered; leaves = quantity
    ENGINE_RESTED = 2             # quantity = leaves = shares now on the book (ITCH A)
    ENGINE_EXECUTED = 3           # order = taker, contra = maker (ITCH E on contra_ref); side = taker's
    ENGINE_CANCELED = 4           # quantity = taken off; leaves = still open; on_book: ITCH X/D, else a remainder
    ENGINE_REPLACED = 5           # order_ref = new; contra_ref/_token/_leaves = original, now off the book
    ENGINE_REJECTED = 6           # reason = EngineReject; nothing changed

cpdef enum EngineReject:
    REJECT_INVALID_SIDE = 1
    REJECT_INVALID_PRICE = 2      # outside 1..MAX_PRICE
    REJECT_INVALID_QUANTITY = 3   # 0 or above MAX_SHARES
    REJECT_INVALID_TIME_IN_FORCE = 4
    REJECT_INVALID_OWNER = 5      # not below max_owners; or 0 in a mass cancel
    REJECT_DUPLICATE_ORDER = 6    # reference is live
    REJECT_UNKNOWN_ORDER = 7      # reference is not live
    REJECT_POOL_EXHAUSTED = 8     # no order or level left for a new day order; checked before it matches

# OUCH 5.0 cancel reason characters used by the engine itself; callers pass theirs to cancel/reduce/mass_cancel.
cdef enum EngineCancelReason:
    CANCEL_USER = 85              # 'U'
    CANCEL_IOC = 73               # 'I'
    CANCEL_POST_ONLY = 71         # 'G'
    CANCEL_SELF_MATCH = 81        # 'Q'
    CANCEL_SUPERVISORY = 83       # 'S'
    CANCEL_SYSTEM = 90            # 'Z' replace with invalid details: the original goes (OUCH replace outcome 2);
                                  # or no level left to rest a replaced order on

cpdef enum SelfMatchPrevention:
    SMP_CANCEL_OLDEST = 0         # the default: the resting order goes in full, the new one matches on
    SMP_CANCEL_NEWEST = 1         # what is left of the new order goes
    SMP_DECREMENT_BOTH = 2        # both lose the smaller of the two
    SMP_OFF = 3

cdef enum EngineTimeInForce:
    TIF_DAY = 48                  # '0'
    TIF_IOC = 51                  # '3'

cdef enum SubmitFlag:
    SUBMIT_POST_ONLY = 1

# 64 bytes
cdef struct EngineEvent:
    uint8_t kind
    uint8_t side                  # 'B' or 'S' of the order
    uint8_t reason                # CANCELED: OUCH character; REJECTED: EngineReject
    uint8_t on_book               # CANCELED: the shares were on the book; REPLACED: always 1
    uint16_t owner
    uint16_t contra_owner
    uint64_t order_ref
    uint64_t contra_ref           # maker; original of a replace; other party of a self match
    int64_t price                 # EXECUTED: maker's price; self match: price it would have had; else the order's limit
    uint32_t quantity
    uint32_t leaves               # of order_ref after the event
    uint32_t contra_leaves
    uint32_t prevented            # self match: shares kept from trading (OUCH AIQ)
    uint32_t token                # as given with the order
    uint32_t contra_token
    uint64_t match_number         # EXECUTED only

cdef struct OwnerOrders:
    uint32_t head
    uint32_t tail
    uint32_t count
    uint32_t smp                  # SelfMatchPrevention

cdef enum PendingOperation:
    PENDING_NONE = 0
    PENDING_ENTRY = 1
    PENDING_MASS_CANCEL = 2

# The operation in progress: an incoming order still matching, or a mass cancel still walking.
cdef struct Pending:
    uint64_t order_ref
    int64_t price
    uint32_t leaves
    uint32_t consumed
    uint32_t token
    uint32_t cursor
    uint16_t owner
    uint8_t operation
    uint8_t side                  # side index; mass cancel: 2 = both
    uint8_t time_in_force
    uint8_t flags
    uint8_t reason

@cython.final
cdef class MatchingEngine(LimitOrderBook):
    cdef EngineEvent* events
    cdef uint32_t event_count
    cdef uint32_t event_capacity
    cdef uint32_t max_owners
    cdef uint64_t next_match_number
    cdef OwnerOrders* owners
    cdef Pending pending

    # All return an EngineStatus. side 'B'/'S'; time_in_force '0' or '3'; flags SubmitFlag bits; owner 0 = anonymous.
    cdef int submit(self, uint64_t order_ref, uint16_t owner, uint8_t side, int64_t price, uint32_t quantity,
                    uint8_t time_in_force, uint8_t flags, uint32_t token) noexcept nogil
    # OUCH X: new_total = intended size incl. what was executed (0 = cancel all). Keeps priority; no event if not smaller.
    cdef int cancel(self, uint64_t order_ref, uint32_t new_total, uint8_t reason) noexcept nogil
    # Take `shares` off (all when it has fewer). Keeps priority.
    cdef int reduce(self, uint64_t order_ref, uint32_t shares, uint8_t reason) noexcept nogil
    # OUCH U: quantity = total liable for the chain; the new order loses priority. Total not above what is consumed: the
    # original is CANCELED ('U'); impossible price/quantity: CANCELED ('Z'). Unknown original or live new_ref: REJECTED.
    cdef int replace(self, uint64_t order_ref, uint64_t new_ref, int64_t price, uint32_t quantity,
                     uint8_t time_in_force, uint8_t flags, uint32_t token) noexcept nogil
    # Every order of an owner (1..), oldest first; side 'B', 'S' or 0 for both.
    cdef int mass_cancel(self, uint16_t owner, uint8_t side, uint8_t reason) noexcept nogil
    # A trade known from elsewhere: an anonymous taker (reference 0) hits this order, whoever stands before it.
    cdef int trade_against(self, uint64_t order_ref, uint32_t shares) noexcept nogil
    # Whether an order of an owner has priority over this resting order.
    cdef bint owned_ahead(self, uint32_t handle) noexcept nogil
    cdef int resume(self) noexcept nogil
    cdef void clear_events(self) noexcept nogil
    # False when the owner is out of range or anonymous.
    cdef bint set_self_match_prevention(self, uint16_t owner, uint8_t mode) noexcept nogil
    cdef uint32_t owner_open_orders(self, uint16_t owner) noexcept nogil
    cdef uint64_t engine_digest(self) noexcept nogil

    cdef bint busy(self) noexcept nogil
    cdef EngineEvent* emit(self, uint8_t kind, uint64_t order_ref, uint8_t side, int64_t price) noexcept nogil
    cdef int refuse(self, uint64_t order_ref, uint8_t reason) noexcept nogil
    cdef EngineEvent* emit_resting_canceled(self, const Order* order, uint32_t shares, uint8_t reason) noexcept nogil
    cdef EngineEvent* emit_entry_canceled(self, uint32_t shares, uint8_t reason) noexcept nogil
    cdef void disown(self, const Order* order) noexcept nogil
    cdef void remove(self, uint32_t handle) noexcept nogil
    cdef void lessen(self, uint32_t handle, uint32_t shares) noexcept nogil
    cdef void shrink(self, uint32_t handle, uint32_t shares, uint8_t reason) noexcept nogil
    cdef void place(self, uint32_t handle, uint16_t owner, uint32_t consumed, uint32_t token) noexcept nogil
    cdef void emit_rested(self, uint64_t order_ref, uint8_t side, int64_t price, uint16_t owner, uint32_t token,
                          uint32_t shares) noexcept nogil
    cdef void begin(self, uint64_t order_ref, uint16_t owner, int side, int64_t price, uint32_t leaves,
                    uint32_t consumed, uint8_t time_in_force, uint8_t flags, uint32_t token) noexcept nogil
    cdef uint32_t crossed_level(self, int side, int64_t price) noexcept nogil
    cdef int enter(self) noexcept nogil
    cdef int match(self) noexcept nogil
    cdef void prevent_self_match(self, uint32_t handle, uint32_t shares) noexcept nogil
    cdef void rest_entry(self) noexcept nogil
    cdef void sort_owner(self, uint16_t owner) noexcept nogil
    cdef int sweep(self) noexcept nogil
