/* Layouts that attributes and pragmas say. */
struct packed {
    char a;
    int b;
    double c;
} __attribute__((packed));
#pragma pack(push, 2)
struct by_two {
    char a;
    int b;
    short c;
};
#pragma pack(pop)
struct field_aligned {
    char a;
    char b __attribute__((aligned(16)));
    int c;
};
struct whole_aligned {
    int a;
} __attribute__((aligned(32)));
typedef struct {
    int a[3];
} loose __attribute__((aligned(16)));
typedef int half_aligned __attribute__((aligned(2)));
typedef struct {
    long a;
} low __attribute__((aligned(4)));
typedef struct packed high __attribute__((aligned(8)));
struct of_names {
    char a;
    half_aligned b, c[2];
    low d;
    char e;
    high f;
};
void name(struct of_names n, const half_aligned *h, low l);
void lay(struct packed p, struct by_two t, struct field_aligned *f, struct whole_aligned *w, loose *l);
