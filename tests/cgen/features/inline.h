/* Functions without a symbol. */
static inline int twice(int x) {
    return 2 * x;
}
static inline void bump(int *at) {
    ++*at;
}
static inline int private_one(void) {
    return 1;
}
static int by_hand(int x) {
    return x;
}
static int by_hand(int x);
static inline int first_of(int n, ...) {
    return n;
}
inline __attribute__((always_inline)) int also_a_symbol(int x) {
    return x;
}
