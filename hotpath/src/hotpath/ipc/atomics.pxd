"""Atomic access to words in shared memory. The header is found from the folder that holds the `hotpath` package."""
from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef extern from "hotpath/ipc/atomics.h" nogil:
    uint64_t load_acquire_u64(const uint64_t *p) noexcept
    uint64_t load_relaxed_u64(const uint64_t *p) noexcept
    void store_release_u64(uint64_t *p, uint64_t v) noexcept
    void store_relaxed_u64(uint64_t *p, uint64_t v) noexcept
    int64_t load_relaxed_i64(const int64_t *p) noexcept
    int64_t load_acquire_i64(const int64_t *p) noexcept
    void store_relaxed_i64(int64_t *p, int64_t v) noexcept
    void store_release_i64(int64_t *p, int64_t v) noexcept
    uint32_t load_acquire_u32(const uint32_t *p) noexcept
    uint32_t load_relaxed_u32(const uint32_t *p) noexcept
    void store_release_u32(uint32_t *p, uint32_t v) noexcept
    void store_relaxed_u32(uint32_t *p, uint32_t v) noexcept
    bint compare_exchange_u64(uint64_t *p, uint64_t expected, uint64_t desired) noexcept
    bint compare_exchange_u32(uint32_t *p, uint32_t expected, uint32_t desired) noexcept
    void fence_acquire() noexcept
    void fence_release() noexcept
    void cpu_relax() noexcept
    void prefetch_read(const void *p) noexcept
    int highest_bit_u64(uint64_t v) noexcept
