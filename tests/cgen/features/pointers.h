/* Function pointers: in structs, in arrays, returned, and with names. */
typedef int operation(int);
typedef operation another_operation;
typedef void nothing;
typedef nothing another_nothing;
typedef int (*visit)(void *data, int depth);
typedef visit (*chooser)(const char *name);
struct methods {
    int version;
    int (*open)(struct methods *self, const char *path);
    void (*handlers[4])(int);
    visit each;
};
chooser choose(visit first, struct methods *methods, int (*const *table)(void));
operation declared;
