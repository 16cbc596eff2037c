/* What test_module.lua requires, as cgen binds it. */
#define WORDS "as they are"
/** Of one. */
#define HALF 0.5
#define MASK 0xffffffffu // all bits
enum color {
    RED = 1, /**< as blood */
    GREEN
};

/** How loud. */
extern int level;
extern const int limits[2]; /* low and high */
#define BESIDE 3
/*
 * Of several
 *   lines.
 */
#define BELOW 4
// And of
// these.
#define LAST 5
extern struct { int x; } place;
extern int named __asm__("other_name");
static const int known = 40;

/** Adds two numbers.
 *
 *  The sum wraps. */
int add(int a, int b);
void sleep_for(int seconds);
int change_level(int to);
int missing(void);
int crash(const int *at);
struct {
    int a, b;
} * nameless(void);
static inline int twice(int x) {
    return 2 * x;
}
