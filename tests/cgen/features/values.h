/* What constants are worth: text of every width, numbers at the ends of their types. */
#define TEXT "plain \"text\"\t\xc3\xa9"
#define NO_TEXT "\xe9t\xff"
#define NO_LONG_FORM "\xc0\x80\xed\xa0\x80\xf5\x80\x80\x80\xe2\x82"
#define WITH_ZEROS "a\0b\0"
#define NOTHING_AT_ALL ""
#define UTF8 u8"\u20ac"
#define UTF16 u"a\u20ac\U0001f600"
#define UTF32 U"a\u20ac\U0001f600"
#define WIDE \
    L"a\xff" \
    L"f\0\n"
#define HALF_A_PAIR u"\xd83d"
#define BEYOND U"\x110000"
static const char letters[] = "x\0y";
static const char *const word = ("word");
static const unsigned short units[4] = u"xy", full[2] = u"xy";
#define SMALLEST_INT (-2147483647 - 1)
#define LARGEST_UNSIGNED 0xffffffffu
#define SMALLEST (-0x7fffffffffffffffLL - 1)
#define LARGEST 0x7fffffffffffffffLL
#define LARGEST_EXACT (1LL << 53)
#define INEXACT ((1LL << 53) + 1)
#define UNSIGNED_INEXACT ((1ULL << 53) + 1)
#define ALL_BITS 0xffffffffffffffffULL
#define YES ((_Bool)1)
#define MINUS ((enum sign) - 1)
#define TOO_WIDE ((__int128)1 << 100)
#define WHOLE 1.0
#define TENTH 0.1
#define SINGLE 0.1f
#define LARGE 1e300
#define MINUS_NOTHING (-0.0)
#define INFINITE (1.0 / 0.0)
#define LEAST_OF_ALL (-1.0 / 0.0)
#define NO_NUMBER (0.0 / 0.0)
#define EXTENDED 0.5L
#define BEYOND_DOUBLES 1e4000L
#define BELOW_DOUBLES 1e-4000L
static const double whole = 2.0;
enum sign { NEGATIVE = -1, NEITHER, POSITIVE };
enum bits { NONE, ALL = 0xffffffffffffffff };
#define ESCAPES "\a\b\f\n\r\t\v\?\'\"\\\e\7\12"
#define NO_LONG_FORM_OF_THREE "\xe0\x80\x80"
#define PAIR_OF_ONE u"\xd83dy"
#define NEGATIVE_INEXACT (-(1LL << 53) - 1)
#define BEFORE_DIGITS \
    "\xe9"            \
    "1\x01"           \
    "2"
