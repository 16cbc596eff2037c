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
    } either;
};
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
void use_structs(struct node *node, text *of, empty *nothing);
