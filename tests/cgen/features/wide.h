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
