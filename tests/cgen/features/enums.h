/* Enums: values of both signs, large ones, small ones, without a tag, without any name. */
enum color { RED, GREEN = 5, BLUE };
typedef enum { OFF, ON } toggle;
enum { FIRST = -1, SECOND = 0x7fffffff };
enum large { LOW = 1, HIGH = 0x80000000u };
enum wide { HUGE = 0x123456789abcULL };
enum { SMALLEST = -0x7fffffff - 1 };
enum __attribute__((packed)) byte { NO_BITS, ALL_BITS = 255 };
typedef enum __attribute__((packed)) { DOWN = -1, UP = 1 } step;
enum both { LEAST = -1, MOST = 0xffffffff };
enum widest { ALL = 0xffffffffffffffff };
enum later;
struct held {
    enum byte byte;
    step step;
    enum both both;
    enum { IN, OUT } way, ways[3], *at;
    enum later *later;
};
extern enum { COLD, HOT } weather;
enum byte hold(struct held held, const enum both *both, enum widest widest, step (*next)(step));
enum color paint(enum color color, toggle toggle, enum large large, enum wide wide);
