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
void lay(struct packed p, struct by_two t, struct field_aligned *f, struct whole_aligned *w, loose *l);
