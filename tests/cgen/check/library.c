/* A library that is older than its header, library.h. */
#include <stdarg.h>

typedef struct {
    int x, y;
} point;
struct entry {
    short kind;
    char name[12];
    struct entry *next;
};
struct flags {
    unsigned first : 3, second : 5;
    int third : 9;
};
union any {
    long integer;
    double number;
};
struct packet {
    int size;
    union {
        long whole;
        struct {
            int high, low;
        };
    };
    struct {
        int x, y;
    } at;
};
enum color { COLOR_RED, COLOR_BLUE = 200, COLOR_GREEN = 3 };
enum state { STATE_OFF, STATE_ON };
enum mask { MASK_NONE, MASK_ALL = ~1ul };
typedef float quad __attribute__((vector_size(16)));
typedef int (*visitor)(void *host, const struct entry *entry);

long counter = 200;
const char *names[3];

int length_of(point of, long scale) {
    return of.x + of.y + (int)scale;
}

int visit(visitor visitor, void *host) {
    struct entry last = {1, "last", 0};
    return visitor(host, &last);
}

void log_to(const char *format, ...) {
    (void)format;
}

int log_list(const char *format, va_list list) {
    return *format ? va_arg(list, int) : 0;
}

quad twice(quad of) {
    return of + of;
}

unsigned char same(const struct flags *flags, union any any, enum color color, _Bool is, long double wide) {
    return (unsigned char)(flags->second + any.integer + color + is + (int)wide);
}

int old_style(a, b)
int a;
double b;
{ return a + (int)b; }

void set_state(enum state *to, enum mask *mask) {
    *to = STATE_ON;
    *mask = MASK_ALL;
}

int send_packet(struct packet *of, struct flags *to) {
    return of->size + of->at.x + to->third;
}

enum sign { MINUS = -1, PLUS = 1 };
struct rows {
    char letters[2][3];
    double numbers[4];
};
struct hidden {
    int x;
} hidden;
enum { LIMIT = 3 } limit;

static long helper(void) {
    return 1;
}

__attribute__((weak)) long outside(long of);

double _Complex turn(double _Complex of, enum sign *sign, const struct rows *restrict rows, volatile _Bool *is) {
    *is = outside ? outside(helper()) : 0;
    return of * *sign * rows->numbers[0];
}

int (*choose(int (*const table[2])(char, unsigned short), _Atomic int *at))(char, unsigned short) {
    return table[*at];
}

int counts[3];
