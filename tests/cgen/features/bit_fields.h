/* Bit-fields: of several types, across words, padding. */
struct flags {
    unsigned a : 1, b : 3;
    int : 4;
    signed c : 12;
    unsigned : 0;
    unsigned long d : 40;
    _Bool e : 1;
    char tail;
};
struct tight {
    unsigned a : 5;
    unsigned long b : 40;
} __attribute__((packed));
struct between {
    char a;
    short b __attribute__((aligned(8)));
    int c : 25;
    long d;
} __attribute__((packed));
int look(struct flags *flags, struct tight tight, struct between *between);
