/* Variadic functions. */
typedef __builtin_va_list arguments;
int say(const char *format, ...);
int say_all(const char *format, arguments list);
double sum(int count, double first, ...);
