/* What attributes say. */
#ifndef __clang__
#define _Nonnull
#define _Nullable
#endif
void *_Nonnull make(unsigned long size) __attribute__((malloc, returns_nonnull, warn_unused_result));
void copy(void *_Nullable to, const void *_Nullable from, int n) __attribute__((nonnull(1, 2)));
char *_Nonnull name_of(const char *_Nullable text);
void stop(int status) __attribute__((noreturn));
int square(int x) __attribute__((const));
int old(void) __attribute__((deprecated));
int late(void);
int late(void) __attribute__((deprecated));
struct names {
    char *_Nonnull first;
    char *_Nullable last;
};
extern char *_Nonnull program;
int labelled(void) __asm__("its_symbol");
_Noreturn void leave(int status);
void never_returns(void) __attribute__((__noreturn__));
int sum_of(int, int, int third);
int sum_of(int first, int second, int);
int soon(int x) __attribute__((deprecated, const));
int soon(int x);
