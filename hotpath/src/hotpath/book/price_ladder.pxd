"""Price ladder of one side: a slot per tick, and bitmaps that give the next level without a search.

Positions count ticks from the side's best possible price, so on either side a smaller position is a better price.
The ladder is cut into pages of 1,024 ticks that come from a pool as prices need them: it has no window to move. A
price that is no multiple of the tick, lies beyond the span or finds the pool empty goes to the tree (see
price_levels.pxd).
"""
cimport cython
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from *:
    int trailing_zeros "__builtin_ctzll" (unsigned long long) noexcept nogil

cdef enum:
    PAGE_BITS = 10
    PAGE_TICKS = 1024
    PAGE_WORDS = 16
    DIRECTORY_PAGES = 20_480      # reaches the largest price in penny ticks
    DIRECTORY_WORDS = 320
    DIRECTORY_SUMMARY_WORDS = 5
    LADDER_SPAN = 20_971_520      # positions; as a position: not on the ladder
    PRICE_BITS = 31

cdef struct LadderPage:
    uint64_t words[16]            # bit = the slot is occupied
    uint32_t occupied             # bit = the word is not 0
    uint32_t next_free
    uint64_t reserved[7]          # slots begin with a cache line
    uint32_t slots[1024]          # level, 0 = none

# Page 0 stays empty and stands for all that are not there.
cdef struct LadderPool:
    LadderPage* pages
    uint32_t capacity             # pages 1..capacity
    uint32_t live
    uint32_t high_water
    uint32_t free_head

cdef struct Ladder:
    uint16_t directory[20480]     # page of each 1,024 positions
    uint64_t pages[320]           # bit = there is a page
    uint64_t summary[5]           # bit = the word above is not 0

# Exact division by the tick for every price below 2^31, as multiplication and shift.
cdef struct TickSize:
    uint32_t tick
    uint32_t shift
    uint64_t reciprocal


cdef inline TickSize tick_size(uint32_t tick) noexcept nogil:
    cdef TickSize size
    size.tick = tick
    size.shift = PRICE_BITS
    while (<uint64_t>1 << (size.shift - PRICE_BITS)) < tick:
        size.shift += 1
    size.reciprocal = (<uint64_t>1 << size.shift) // tick + 1
    return size


@cython.overflowcheck(False)
cdef inline uint32_t ladder_position(const TickSize* size, int side, uint32_t price) noexcept nogil:
    """LADDER_SPAN for a price that has no place on the ladder."""
    cdef uint32_t ticks = <uint32_t>((<uint64_t>price * size.reciprocal) >> size.shift)
    if ticks * size.tick != price or ticks >= LADDER_SPAN:
        return LADDER_SPAN
    # from the other end for bids; sides alternate at random, so there is no branch on them
    return (ticks ^ (<uint32_t>side - 1)) + ((<uint32_t>side - 1) & LADDER_SPAN)


@cython.overflowcheck(False)
cdef inline uint32_t position_after(const TickSize* size, int side, uint32_t price) noexcept nogil:
    """First position whose price is worse than this one, on the ladder or not."""
    cdef uint32_t ticks = <uint32_t>((<uint64_t>price * size.reciprocal) >> size.shift)
    if side:
        return ticks + 1
    if ticks >= LADDER_SPAN:
        return 0
    return LADDER_SPAN - ticks if ticks * size.tick == price else LADDER_SPAN - 1 - ticks


@cython.overflowcheck(False)
cdef inline uint32_t next_page(const Ladder* ladder, uint32_t start) noexcept nogil:
    """Smallest directory entry from start on that has a page; DIRECTORY_PAGES when there is none."""
    cdef uint32_t word = start >> 6
    cdef uint64_t bits
    if start >= DIRECTORY_PAGES:
        return DIRECTORY_PAGES
    bits = ladder.pages[word] >> (start & 63)
    if bits != 0:
        return start + <uint32_t>trailing_zeros(bits)
    word += 1
    while word < DIRECTORY_WORDS:
        bits = ladder.summary[word >> 6] >> (word & 63)
        if bits != 0:
            word += <uint32_t>trailing_zeros(bits)
            return (word << 6) + <uint32_t>trailing_zeros(ladder.pages[word])
        word = (word | 63) + 1
    return DIRECTORY_PAGES


@cython.overflowcheck(False)
cdef inline uint32_t ladder_from(const LadderPool* pool, const Ladder* ladder, uint32_t start) noexcept nogil:
    """The level at the smallest occupied position from start on, 0 when there is none."""
    cdef const LadderPage* page
    cdef uint32_t number = start >> PAGE_BITS
    cdef uint32_t word = (start >> 6) & (PAGE_WORDS - 1)
    cdef uint32_t later
    cdef uint64_t bits
    if start >= LADDER_SPAN:
        return 0
    page = &pool.pages[ladder.directory[number]]
    bits = page.words[word] >> (start & 63)
    if bits != 0:
        return page.slots[(start & (PAGE_TICKS - 1)) + <uint32_t>trailing_zeros(bits)]
    later = page.occupied >> (word + 1)
    if later != 0:
        word += 1 + <uint32_t>trailing_zeros(later)
    else:
        number = next_page(ladder, number + 1)
        if number == DIRECTORY_PAGES:
            return 0
        page = &pool.pages[ladder.directory[number]]
        word = <uint32_t>trailing_zeros(page.occupied)
    return page.slots[(word << 6) + <uint32_t>trailing_zeros(page.words[word])]


cdef inline uint32_t ladder_find(const LadderPool* pool, const Ladder* ladder, uint32_t position) noexcept nogil:
    """position below LADDER_SPAN"""
    return pool.pages[ladder.directory[position >> PAGE_BITS]].slots[position & (PAGE_TICKS - 1)]


cdef inline bint ladder_has_room(const LadderPool* pool, const Ladder* ladder, uint32_t position) noexcept nogil:
    return ladder.directory[position >> PAGE_BITS] != 0 or pool.live < pool.capacity


@cython.overflowcheck(False)
cdef inline void ladder_insert(LadderPool* pool, Ladder* ladder, uint32_t position, uint32_t level) noexcept nogil:
    """The slot must be free and ladder_has_room()."""
    cdef uint32_t number = position >> PAGE_BITS
    cdef uint32_t handle = ladder.directory[number]
    cdef uint32_t word = (position >> 6) & (PAGE_WORDS - 1)
    cdef LadderPage* page
    if handle == 0:
        handle = pool.free_head
        if handle != 0:
            pool.free_head = pool.pages[handle].next_free
        else:
            pool.high_water += 1
            handle = pool.high_water
        pool.live += 1
        ladder.directory[number] = <uint16_t>handle
        ladder.pages[number >> 6] |= <uint64_t>1 << (number & 63)
        ladder.summary[number >> 12] |= <uint64_t>1 << ((number >> 6) & 63)
    page = &pool.pages[handle]
    page.slots[position & (PAGE_TICKS - 1)] = level
    page.words[word] |= <uint64_t>1 << (position & 63)
    page.occupied |= <uint32_t>1 << word


@cython.overflowcheck(False)
cdef inline void ladder_remove(LadderPool* pool, Ladder* ladder, uint32_t position) noexcept nogil:
    """A page whose last level goes is empty, ready for other prices."""
    cdef uint32_t number = position >> PAGE_BITS
    cdef uint32_t handle = ladder.directory[number]
    cdef uint32_t word = (position >> 6) & (PAGE_WORDS - 1)
    cdef LadderPage* page = &pool.pages[handle]
    page.slots[position & (PAGE_TICKS - 1)] = 0
    page.words[word] &= ~(<uint64_t>1 << (position & 63))
    if page.words[word] != 0:
        return
    page.occupied &= ~(<uint32_t>1 << word)
    if page.occupied != 0:
        return
    page.next_free = pool.free_head
    pool.free_head = handle
    pool.live -= 1
    ladder.directory[number] = 0
    ladder.pages[number >> 6] &= ~(<uint64_t>1 << (number & 63))
    if ladder.pages[number >> 6] == 0:
        ladder.summary[number >> 12] &= ~(<uint64_t>1 << ((number >> 6) & 63))
