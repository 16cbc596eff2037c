/* Vectors for which a processor needs AVX, or AVX-512. */
typedef float eight __attribute__((vector_size(32)));
typedef char bytes __attribute__((vector_size(64)));
struct pair {
    eight one, other;
};
union both {
    eight floats;
    double first;
};
eight scale_eight(eight v, float by);
union both turn(int by, const union both *v);
bytes mix(bytes a, bytes b);
struct pair swap(struct pair of);
static inline __attribute__((target("avx"))) eight twice(eight v) {
    return v + v;
}
float first(const eight *v);
/* In memory, for any processor; and in an array, for AVX's. */
struct many {
    eight all[3];
};
struct row {
    eight one[1];
};
struct many pass_many(struct many of);
struct row pass_row(struct row of);
