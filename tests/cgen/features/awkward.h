/* What compilers take in a header, and some of them not where it is used. */
#pragma GCC system_header

struct flags {
    unsigned on : 1, level : 3;
    void *data;
};

/* A bit-field has no type of its own. */
#define LEVEL_OF(of) (((struct flags *)(of))->level)
#define SET_DATA(of, to) (int)(((struct flags *)(of))->data = (to))
#define CUT(pointer) ((int)(pointer))

/* A function that no header has declared is none the second time, either. */
#define TO_NUMBER(text) ((unsigned)strtoul((text), 0, 10))
#define TO_HEXADECIMAL(text) ((unsigned)strtoul((text), 0, 16))

/* Nor is one whose memory ends with it, nor an operator of types. */
#define ROOM_FOR(size) __builtin_alloca(size)
#define ALIGNMENT_OF(type) _Alignof(type)

/* A comparison with a number that is none. */
#define IS_NONE(pointer) ((pointer) == (void *)0)

/* Of an enum's type, which only its value is of. */
enum format { FIRST_FORMAT = 1 };
#define ANY_FORMAT ((enum format) - 1)

typedef int old_number __attribute__((deprecated));
old_number next(old_number of);

/* A macro of a function's name is not the function. */
static inline void *take(void *from) {
    return from;
}
#define take(from) ((__typeof__(*(from)))(take)(from))
