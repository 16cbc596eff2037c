/* Macros: numbers of all types, text, what is built of others, and what is no expression. */
#define GUARD
#define ONE 1
#define NEGATIVE (-ONE)
#define UNSIGNED 0xffffffffu
#define LONG (1L << 40)
#define LETTER 'a'
#define HALF 0.5
#define NAME \
    "cgen"   \
    " 1"
#define OF_OTHERS (ONE + sizeof(int) * 2)
#define NOTHING ((void *)0)
#define TYPE unsigned int
#define OPEN {
#define WHERE __FILE__
#define THERE WHERE
#define WHICH (THERE ":")
#define LOOP \
    do {     \
    } while (0)
#define TWICE(x) ((x)*2)
#define CALL TWICE(21)
#define call_it call_it
#define AGAIN 1
#undef AGAIN
#define AGAIN 2
int call_it(void);
#define INSTEAD call_it
extern int counter;
struct shape {
    int sides;
};
typedef struct {
    double at;
} mark;
extern struct shape *shapes;
extern const char *const *words;
int call_it_2(int x, const char *text);
void stop_it(struct shape *shape);
mark mark_of(double at);
#define COUNTER (counter + 1)
#define SHAPES shapes
#define FIRST_WORD (words[0])
#define PLUS(a, b) ((a) + (b))
#define SIDES_OF(shape) call_it_2((shape)->sides, 0)
#define CALL_IT(text, x) call_it_2(x, text)
#define STOP(shape) stop_it(shape)
#define ROOT(x) __builtin_sqrt(x)
#define CALL_FROM(x) call_it_2(x, WHERE)
#define IS_NAN(x) __builtin_isnan(x)
#define MARK(at) mark_of(at)
#define NOW() counter
#define TEXT_OF(x) #x
#define JOIN(a, b) a##b
#define SIZE_OF(type) sizeof(type)
#define EACH(...) call_it_2(__VA_ARGS__)
#define call_it_2(x, text) call_it_2(x, text)
#define ITEMS(x) \
    { x }
#define ITSELF(statements) statements
#define BOTH(x) call_it_2(x, 0), call_it_2(x, 0)
#define OF_BOTH(x) BOTH(x)
#define LAST_OF(x) (call_it_2(x, 0), (x))
#define EITHER(x) (x) ? call_it_2(x, 0), 2 : 3
#define OF_LATER(x) LATER_BOTH(x)
#define LATER_BOTH(x) call_it_2(x, 0), call_it_2(x, 0)
#define OF_ANY ANY(3)
#define ANY(...) 1, __VA_ARGS__
#define OF_LINE (LINE + 1)
#define LINE __LINE__
#define PAIR 1, 2
#undef PAIR
#define PAIR 3
#define OF_PAIR PAIR
/* What a compiler warns of is none of a type's: the next one is tried. */
int printf(const char *format, ...);
double half(double of);
void put(int *at);
#define SHOW_NUMBER(x) printf("%f", x)
#define SHOW_TEXT(x) printf("%s", x)
#define HALF_OF(x) half(x)
#define PUT(x) put(&(x))
#define OR_TEXT(x) ((x) ? (x) : "text")
#define IS_COUNTER(x) (&(x) == &counter)
#define OR_COUNTER(choice, x) (*((choice) ? &(x) : &counter))
#define IS_BEHIND(x) ((x) + 1 > words)
#define SIZE_AT(x) sizeof(*(x))
#define LAST(x, y) ((x), (y))
#define COUNT_OF(x) (sizeof((char *)(x)) / sizeof(*(char *)(x)))
#define OLD _Pragma("message(\"old\")")
#define OF_OLD(x) (OLD(x))
#define WORD_AT(x) words[half(x), 0]
/* Another at each place. */
#define AT_LINE(x) ((x) + __LINE__)
#define COUNTED(x) ((x) + __COUNTER__)
#define NUMBER __COUNTER__
#define FILE_NAME __FILE_NAME__
#define BASE_FILE __BASE_FILE__
#define LEVEL __INCLUDE_LEVEL__
#define DATE __DATE__
#define TIME __TIME__
#define STAMP __TIMESTAMP__
#define FUNCTION __func__
#define GNU_FUNCTION __FUNCTION__
#define PRETTY_FUNCTION __PRETTY_FUNCTION__
#define STATEMENT call_it();
#define GIVE_UP return
#define NOTED _Pragma("message(\"noted\")") 1
/* Names of others: of the implementation, of variables, of functions that have a symbol, or none. */
#define __reserved(x) ((x) + 1)
#define _Reserved(x) ((x) + 1)
#define _ours(x) ((x) + 1)
#ifndef va_copy
#define va_copy(to, from) __builtin_va_copy(to, from)
#endif
extern int shown;
#define shown (counter + 2)
/** Of the function. */
int labelled(int x) __asm__("its_symbol");
#define also_labelled labelled
/* Of the macro. */
#define too_labelled labelled
static inline int without_symbol(int x) {
    return x;
}
#define also_without without_symbol
/* One that is a constant, too, as the C library's are. */
enum { LISTED = 4 };
#define LISTED 4
#define AS_POINTER(x) ((void *)(int)(x))
/* Before what it hides, as errno is. */
int covered(void);
#define covered (call_it() + 1)
struct cover {
    int inner;
};
#define inner outer.inner
int uncover(struct cover cover);
#define HALF_AS_MUCH(x) ((x) / 2.0)
#define CALL_HERE(x) call_it_2(x, __FILE__)
/* Braces of others, which would take in what stands below. */
#define OPENED(x) OPEN(x)
#define CLOSED(x) OF_CLOSE(x)
#define OF_CLOSE CLOSE
#define CLOSE }
#define ZERO \
    { 0 }
#define SHAPE(x) (((struct shape)ZERO).sides + (x))
