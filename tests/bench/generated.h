/* What stubs.c calls by what cgen writes for it. */
int generated_add(int a, int b);
int generated_leaf(int a, int b);
double generated_scale(double a, double b);
