/* Whose the memory is, and what is never NULL, as GCC's attributes and clang's analyzer have it. */
#ifdef __clang__
#define RETURNS __attribute__((ownership_returns(malloc)))
#define TAKES(which) __attribute__((ownership_takes(malloc, which)))
#define HOLDS(which) __attribute__((ownership_holds(malloc, which)))
#else
#define RETURNS
#define TAKES(which)
#define HOLDS(which)
#endif
int put(const char *key, const char *value, int n) __attribute__((nonnull));
int look(const char *key, const char *other) __attribute__((nonnull(2)));
void *take(unsigned long size) RETURNS;
void give(int how, void *what) TAKES(2);
void give_both(void *one, void *other, void *not_this) TAKES(1) HOLDS(2);
/* As the C library's headers have it. */
#define NEVER_NULL(which) __attribute__((__nonnull__ which))
void *join(void *to, const void *from, void *end) NEVER_NULL((1, 2));
char *found_in(const char *text) __attribute__((__returns_nonnull__, pure));
void drop(void *, void *) __attribute__((nonnull(2)));
