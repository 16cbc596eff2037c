/* Variadic functions. */
typedef __builtin_va_list arguments;
struct held {
    arguments arguments;
};
int print_held(struct held *held);
int say(const char *format, ...);
int say_all(const char *format, arguments list);
double sum(int count, double first, ...);
