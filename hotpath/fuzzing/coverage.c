/* What code built with gcc's -fsanitize-coverage=trace-pc,trace-cmp calls, for the libFuzzer inside atheris.

   libFuzzer wants a table of counters with one program counter each; an edge has the slot that its address hashes to.
   Comparisons go on to libFuzzer. Its functions are looked up in atheris' library, so that this one can be loaded
   before it and for all to see, and atheris stays as Python loads it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#define SLOTS 65536u

static uint8_t counters[SLOTS];
static struct {
    uintptr_t pc;
    uintptr_t flags;
} table[SLOTS];

void __sanitizer_cov_trace_pc(void) {
    uintptr_t pc = (uintptr_t)__builtin_return_address(0);
    uint32_t slot = (uint32_t)((pc * UINT64_C(0x9E3779B97F4A7C15)) >> 48) % SLOTS;
    uint8_t count = (uint8_t)(counters[slot] + 1);
    counters[slot] = count ? count : 1; /* a counter that wraps to 0 would look untouched */
}

/* Tail calls: libFuzzer tells comparisons apart by the address that it returns to. */
#define FORWARD(name, type)                                  \
    static void (*name##_real)(type, type);                  \
    void __sanitizer_cov_trace_##name(type a, type b) {      \
        if (name##_real) name##_real(a, b);                  \
    }

FORWARD(cmp1, uint8_t)
FORWARD(cmp2, uint16_t)
FORWARD(cmp4, uint32_t)
FORWARD(cmp8, uint64_t)
FORWARD(const_cmp1, uint8_t)
FORWARD(const_cmp2, uint16_t)
FORWARD(const_cmp4, uint32_t)
FORWARD(const_cmp8, uint64_t)

static void (*switch_real)(uint64_t, uint64_t *);
void __sanitizer_cov_trace_switch(uint64_t value, uint64_t *cases) {
    if (switch_real) switch_real(value, cases);
}

/* gcc calls these for floating point, libFuzzer does not have them. */
void __sanitizer_cov_trace_cmpf(float a, float b) {
    (void)a;
    (void)b;
}

void __sanitizer_cov_trace_cmpd(double a, double b) {
    (void)a;
    (void)b;
}

#define LOOK_UP(name) *(void **)&name##_real = dlsym(fuzzer, "__sanitizer_cov_trace_" #name)

/* `path`: atheris' library, which Python has loaded. 0: done; 1: libFuzzer is not in it. */
int hotpath_register_coverage(const char *path) {
    void (*counters_init)(uint8_t *, uint8_t *);
    void (*pcs_init)(const uintptr_t *, const uintptr_t *);
    void *fuzzer = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    if (!fuzzer) return 1;
    *(void **)&counters_init = dlsym(fuzzer, "__sanitizer_cov_8bit_counters_init");
    *(void **)&pcs_init = dlsym(fuzzer, "__sanitizer_cov_pcs_init");
    if (!counters_init || !pcs_init) return 1;
    LOOK_UP(cmp1);
    LOOK_UP(cmp2);
    LOOK_UP(cmp4);
    LOOK_UP(cmp8);
    LOOK_UP(const_cmp1);
    LOOK_UP(const_cmp2);
    LOOK_UP(const_cmp4);
    LOOK_UP(const_cmp8);
    LOOK_UP(switch);
    for (uint32_t i = 0; i < SLOTS; i++) table[i].pc = i + 1;
    counters_init(counters, counters + SLOTS);
    pcs_init((const uintptr_t *)table, (const uintptr_t *)(table + SLOTS));
    return 0;
}

/* How many slots have been hit so far. */
int hotpath_slots_hit(void) {
    int hit = 0;
    for (uint32_t i = 0; i < SLOTS; i++) hit += counters[i] != 0;
    return hit;
}
