"""Unaligned big-endian loads and stores, 2 to 8 bytes. Everything on the supported wires is big-endian."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from * nogil:
    """
    #ifndef HOTPATH_PROTOCOLS_BYTEORDER
    #define HOTPATH_PROTOCOLS_BYTEORDER
    #include <stdint.h>
    #include <string.h>

    #if !defined(__BYTE_ORDER__)
    #error "the compiler does not define __BYTE_ORDER__: use gcc or clang"
    #elif __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    #define HOTPATH_BE16(v) __builtin_bswap16(v)
    #define HOTPATH_BE32(v) __builtin_bswap32(v)
    #define HOTPATH_BE64(v) __builtin_bswap64(v)
    #else
    #define HOTPATH_BE16(v) (v)
    #define HOTPATH_BE32(v) (v)
    #define HOTPATH_BE64(v) (v)
    #endif

    static inline uint16_t load_be16(const uint8_t *p) { uint16_t v; memcpy(&v, p, 2); return HOTPATH_BE16(v); }
    static inline uint32_t load_be32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return HOTPATH_BE32(v); }
    static inline uint64_t load_be64(const uint8_t *p) { uint64_t v; memcpy(&v, p, 8); return HOTPATH_BE64(v); }
    static inline uint64_t load_be48(const uint8_t *p) { return ((uint64_t)load_be16(p) << 32) | load_be32(p + 2); }
    static inline int64_t load_be63(const uint8_t *p) {
        uint64_t v = load_be64(p);
        return v > (uint64_t)INT64_MAX ? INT64_MAX : (int64_t)v;
    }

    static inline void store_be16(uint8_t *p, uint16_t v) { v = HOTPATH_BE16(v); memcpy(p, &v, 2); }
    static inline void store_be32(uint8_t *p, uint32_t v) { v = HOTPATH_BE32(v); memcpy(p, &v, 4); }
    static inline void store_be64(uint8_t *p, uint64_t v) { v = HOTPATH_BE64(v); memcpy(p, &v, 8); }
    static inline void store_be48(uint8_t *p, uint64_t v) {
        store_be16(p, (uint16_t)(v >> 32));
        store_be32(p + 2, (uint32_t)v);
    }

    static inline int fits_u32(int64_t v) { return ((uint64_t)v >> 32) == 0; }
    static inline int fits_u48(int64_t v) { return ((uint64_t)v >> 48) == 0; }
    #endif
    """
    uint16_t load_be16(const uint8_t* p)
    uint32_t load_be32(const uint8_t* p)
    uint64_t load_be48(const uint8_t* p)
    uint64_t load_be64(const uint8_t* p)
    # u64 read as int64: a value above INT64_MAX becomes INT64_MAX, so that an absurd price never turns negative
    int64_t load_be63(const uint8_t* p)
    void store_be16(uint8_t* p, uint16_t v)
    void store_be32(uint8_t* p, uint32_t v)
    void store_be48(uint8_t* p, uint64_t v)
    void store_be64(uint8_t* p, uint64_t v)
    bint fits_u32(int64_t v)
    bint fits_u48(int64_t v)
