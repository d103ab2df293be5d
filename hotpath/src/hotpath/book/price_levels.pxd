"""Price levels of both sides: a FIFO per level, levels linked best to worst, and a B+tree from price to level.

A node is 32 sorted keys and 32 children (256 bytes); unused keys are PAD, so a search is a fixed-length, branch-free
count of smaller keys and no node needs a size field. Keys are -price for bids and price for asks: the best level has
the smallest key on either side, and any price has a place, however far from the others.
"""
from libc.stdint cimport INT32_MAX, int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcpy, memmove

cdef enum TreeShape:
    FANOUT = 32
    HALF = 16
    SPARSE = 8                # at or below this a node tries to merge with a neighbour
    MERGED = 24               # and does so when both fit in this many slots
    MAX_DEPTH = 10
    PAD = INT32_MAX

cdef struct Level:
    int64_t shares
    int32_t price
    uint32_t orders
    uint32_t head             # highest time priority
    uint32_t tail
    uint32_t better           # neighbours in price order, 0 at the ends; worse doubles as free list
    uint32_t worse

cdef struct Node:
    int32_t keys[32]
    uint32_t children[32]     # leaf: levels; above: nodes, keys are lower bounds of what is below

cdef struct Side:
    uint32_t best
    uint32_t root             # 0 = empty
    uint32_t depth            # nodes above the leaves on a path
    uint32_t count

cdef struct PriceLevels:
    Level* levels
    Node* nodes
    Side sides[2]
    uint32_t level_capacity
    uint32_t level_live
    uint32_t level_high_water
    uint32_t level_free
    uint32_t node_capacity
    uint32_t node_live
    uint32_t node_high_water
    uint32_t node_free
