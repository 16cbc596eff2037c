/* Variables, and constants that are variables. */
extern int counter;
extern const char *const names[];
extern const char version[8];
extern int (*hook)(int);
static const int limit = 40;
static const unsigned long mask = 0xffffffff00000000;
extern _Thread_local int own;
extern int renamed __asm__("other_name");
static __attribute__((unused)) int changing = 3;
