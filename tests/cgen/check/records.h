/* Structs that are one under several names, or under none: what records.lua declares by hand. */
struct a {
    int x;
};
struct b {
    int x;
};
typedef struct _window window;
typedef struct list_s {
    struct list_s *next;
    int value, end;
} list;
typedef struct {
    int kind;
    union {
        int integer;
        float number;
        struct {
            short low, high;
        };
    };
    struct {
        int x, y;
        struct {
            char red, green;
        } colors[2];
    } at;
    struct a tail;
} event;
enum level { LOW, HIGH };
enum mode { READ, WRITE };
typedef void handle;
typedef struct a thing;
struct span {
    long first, last;
};

void take_a(struct a *of);
struct a copy_a(struct a of);
void show(window *of);
void push(list *to, list *of);
void set_level(enum level to);
void set_mode(enum mode to);
void close_it(handle *of);
int next(event *to);
void measure(struct span *of);
int sort(int (*compare)(const struct a *, const struct a *));
void *find_it(void (*done)(struct b *of));
unsigned char letter(void);
_Bool is_open(void);
extern int table[];
