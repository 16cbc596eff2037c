/* Structs: nested, untagged, of arrays, with a flexible array, opaque, and ones that point to each other. */
struct opaque;
struct node {
    struct node *next;
    struct tree *in;
    struct inner {
        char name[16];
        int matrix[2][3];
    } inner;
    struct {
        short x, y;
    };
    union {
        int i;
        float f;
        struct {
            char low, high;
        } halves[2];
    } either;
};
typedef struct {
    char c;
    double d;
} const *reference;
extern struct {
    int in;
    unsigned bits : 3;
} place;
struct tree {
    struct node *first;
    struct opaque *hidden;
};
typedef struct {
    unsigned length;
    char bytes[];
} text;
typedef struct empty {
} empty;
typedef const struct { int a; } fixed;
typedef fixed also_fixed;
void use_fixed(fixed *fixed, also_fixed *also);
void use_structs(struct node *node, text *of, empty *nothing, reference by);
