/* What comments say, without what makes them comments. */ /* clang-format off */

/*! In Doxygen's way. */
int marked(void);
int behind(void); /**< And behind. */
int nowhere(int a /* of a */,
            int b); /* of b */
int attributed(void) __attribute__((const)); // Behind attributes.
/**
 * Words,
 *
 *     and some that are indented.
 */
int starred(void);
/// Of lines
/// like these.
int slashed(void);
int again(void);
/** Of a later declaration. */
int again(void);
/**********
 * In a box *
 **********/
int boxed(void);
/** A struct's. */
struct point {
    int x; /**< which no form has */
};
/** An enum's. */
enum side {
    LEFT,  /**< to the left */
    RIGHT, /**< to the right */
    NEITHER
};
/** A typedef's. */
typedef struct point place;
typedef struct {
    int y; /* of y */
} beyond;                      /* Behind a typedef. */
typedef int visitor(int first, /* of first */
                    int last); /* of last */
struct opaque;                 /* Behind a struct. */
union number {
    int i;
}; /* Behind a union. */
/** A variable's. */
extern int level;
/** A function's of its own. */
static inline int own(void) {
    return level;
}
static inline int defined(void) {
    return 1;
} extern int after(void); /* Of another. */
place placed(enum side side, union number of, beyond by, struct opaque *at, visitor *visitor);

/** A constant's. */
#define ONE 1
#define TWO 2 /* behind it */
#define THREE 3 // behind it in a line
#define FOUR 4 /* behind it, in
                  two lines */
int f(void); /* of f */
#define FIVE 5

/* Not of the macro below the empty line. */

#define SIX 6
// Lines
// of several.
#define SEVEN 7
    /* Indented. */
    #define EIGHT 8
struct with_variable {
    int a;
} with; /* Of a variable. */
enum with_function {
    WITH
} made(void); /* Of a function. */
#define PACKED __attribute__((packed))
#define ALIGNED(bytes) __attribute__((aligned(bytes)))
struct of_macros {
    int a;
} PACKED ALIGNED(4); /* Behind macros. */
struct of_attribute {
    int a;
} __attribute__((aligned(8))); /* Behind an attribute. */
typedef enum named {
    NAMED
} another; /* Of both names. */
int twice(int a), thrice(int a); /* Of two. */
