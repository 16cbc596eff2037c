/* Functions: results and parameters of every sort. */
typedef unsigned char byte;
typedef int comparator(const void *, const void *);
struct pair {
    int a;
    double b;
};
/** Adds two numbers.
 *  The sum wraps. */
int add(int a, int b);
void nothing(void);
int unprototyped();
struct pair swap(struct pair of, const struct pair *by);
void sort(void *base, unsigned long count, unsigned long size, comparator *compare);
void (*handler_of(int number, void (*handler)(int)))(int);
int (*row(int matrix[][4], int n))[4];
double _Complex turn(double _Complex z, long double scale, _Bool imaginary);
char *const *list(const char *const *const names, char *restrict buffer);
__int128 wide(__int128 a, float b, unsigned short c, byte d);
struct opaque *make(struct opaque *from);
/* Counts that other parameters say. */
int sum_row(int n, int row[static n]);
int sum_rows(int n, int rows[n][n], int (*others)[n]);
int sum_all(int n, double all[n][n][n], const double (*others)[n][n], int of_four[n][4]);
__float128 quadruple(__float128 x);
typedef const int constant;
constant give_constant(constant of);
