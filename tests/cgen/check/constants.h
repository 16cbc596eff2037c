/* What constants.cdef declares by hand. */
#define RATIO 1.5
#define WHOLE 2
#define VERSION "1.2.13"
#define LARGE 0xffffffffu
#define START (clock_of() + 1)
static const double PI = 3.25;
static const char NAME[8] = "here";
enum { FIRST = 1, SECOND };
#define EVERY (~0ul)
enum __attribute__((packed)) tiny { TINY };
typedef enum { HUGE = 1L << 40, SMALL = -1 } large;
enum usual { USUAL };
int clock_of(void);
