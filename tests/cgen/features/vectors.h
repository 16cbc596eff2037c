/* Vectors, atomics, and volatile. */
typedef float four __attribute__((vector_size(16)));
struct shared {
    _Atomic int count;
    volatile int flag;
};
four scale(four v, float by);
int read_shared(volatile struct shared *shared);
