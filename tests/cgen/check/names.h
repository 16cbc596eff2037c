/* What names.lua declares by hand, and more. */
#define shorter longer
#define computed(x) ((x) + 1)
static inline int doubled(int of) {
    return 2 * of;
}
static inline int tripled(int of) {
    return 3 * of;
}
int longer(int of);
int other(void);
int taking(int of);
#define place_of_error (*error())
int *error(void);
