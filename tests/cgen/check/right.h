/* What wrong.lua and wrong.cdef declare by hand, with mistakes. */
#include <stdint.h>

#define LIMIT 40
enum mode { READ = 1, WRITE = 2 };
struct point {
    int x, y;
    double weight;
};
typedef struct {
    char name[16];
    unsigned flags : 3;
    unsigned level : 5;
    struct point *at;
} record;
typedef unsigned long handle;
struct hidden;

handle open_it(const char *path, enum mode mode);
int read_it(handle of, void *to, uint64_t size);
void visit(record *of, int (*each)(struct point *at, void *data), void *data);
int say(const char *format, ...);
struct point middle(struct point a, struct point b);
void use(struct hidden *it);
extern int count;
