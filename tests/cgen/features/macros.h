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
