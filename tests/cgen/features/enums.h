/* Enums: values of both signs, large ones, without a tag, without any name. */
enum color { RED, GREEN = 5, BLUE };
typedef enum { OFF, ON } toggle;
enum { FIRST = -1, SECOND = 0x7fffffff };
enum large { LOW = 1, HIGH = 0x80000000u };
enum wide { HUGE = 0x123456789abcULL };
enum color paint(enum color color, toggle toggle, enum large large, enum wide wide);
