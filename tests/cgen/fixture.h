/* Declarations of every sort, for cgen to read. */
#include <stddef.h>
#include <stdint.h>

typedef unsigned char byte;
typedef struct opaque opaque;
typedef struct {
    int x, y;
} untagged;
typedef union number {
    int i;
    double d;
} number;
enum color { RED, GREEN };
typedef enum { OFF, ON } toggle;
typedef int comparator(const void *, const void *);

int plain(void);
int unprototyped();
size_t measure(const byte *text, size_t length);
opaque *make(const char *name, uint64_t size);
void fill(untagged *point, const untagged *other, number *n);
void paint(enum color color, toggle toggle);
void sort(void *base, size_t count, comparator *compare);
void (*handler_of(int number, void (*handler)(int)))(int);
int (*row(int matrix[][4], int n))[4];
double complex_part(double _Complex z, long double scale, _Bool imaginary);
char *const *list(const char *const *const names, char *restrict buffer);
extern int macro_free(volatile int *at);

int say(const char *format, ...);
untagged origin(void);
int distance(struct opaque *from, number to);
__int128 wide(__int128 a);
static inline int hidden(int x) {
    return x;
}
