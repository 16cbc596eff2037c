/* As the header of a library has it today, which was compiled with what library.c says. */
#include <stdarg.h>

typedef struct {
    int x, y;
    long z; /* it is new */
} point;
struct entry {
    int kind; /* was a short */
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
            int low, high;
        };
    };
    struct {
        short x; /* was an int */
        int y;
    } at;
};
enum color { COLOR_RED, COLOR_BLUE = 200, COLOR_GREEN = 2 };
enum __attribute__((packed)) state { STATE_OFF, STATE_ON }; /* was not packed */
enum mask { MASK_NONE, MASK_ALL = ~0ul };                   /* was one less */
typedef float quad __attribute__((vector_size(16)));
typedef int (*visitor)(void *host, const struct entry *entry);

extern int counter;
extern const char *names[3];
long length_of(point of, int scale);
int visit(visitor visitor, void *host);
void log_to(int level, const char *format, ...);
int log_list(const char *format, va_list list);
quad twice(quad of);
unsigned char same(const struct flags *flags, union any any, enum color color, _Bool is, long double wide);
int old_style(int a, double b);
void set_state(enum state *to, enum mask *mask);
int send_packet(struct packet *of, struct entry *to);

enum sign { MINUS = -1, PLUS = 1 };
struct rows {
    char letters[2][3];
    double numbers[4];
};
struct hidden;
extern struct hidden hidden;
extern enum { LIMIT = 4 } limit; /* was 3 */
long long helper(int of);        /* which the library has for itself */
int outside(void);               /* which it uses */
double _Complex turn(double _Complex of, enum sign *sign, const struct rows *restrict rows, volatile _Bool *is);
int (*choose(int (*const table[2])(char, unsigned short), _Atomic int *at))(char, unsigned short);
extern int counts[4]; /* were 3 */
