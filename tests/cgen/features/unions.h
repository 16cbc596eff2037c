/* Unions, by value and by pointer. */
union number {
    int i;
    double d;
    char bytes[12];
};
typedef union {
    void *pointer;
    unsigned long word;
} cell;
cell cell_of(union number n);
