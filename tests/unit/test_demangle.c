/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of C++ and Rust in full and short, names that are none, and names made to do harm. */
#include <stdlib.h>

#include "check.h"
#include "symbols/demangle.h"
#include "symbols/short_name.h"
#include "symbols/symbol.h"

static char buf[DEMANGLED_MAX];

static void check_names(void)
{
	static const struct {
		const char *raw, *full, *brief; /* full NULL: stays as it is */
	} names[] = {
		{"_Z3foov", "foo()", "foo"},
		{"_ZNSt6vectorIiSaIiEE9push_backEOi", "std::vector<int, std::allocator<int> >::push_back(int&&)",
		 "std::vector::push_back"},
		{"_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()() const", "main::{lambda#1}::operator()"},
		{"_ZZN3foo3barEiENKUliE_clEi", "foo::bar(int)::{lambda(int)#1}::operator()(int) const",
		 "foo::bar::{lambda#1}::operator()"},
		{"_ZZ3fooIiEvT_ENKUlvE_clEv", "foo<int>(int)::{lambda()#1}::operator()() const",
		 "foo::{lambda#1}::operator()"},
		{"_ZN12_GLOBAL__N_13barEv", "(anonymous namespace)::bar()", "(anonymous namespace)::bar"},
		{"_ZltIiEbRK1AIT_ES3_", "bool operator< <int>(A<int> const&, A<int> const)", "operator<"},
		{"_ZlsIcEvT_S0_", "void operator<< <char>(char, char)", "operator<<"},
		{"_ZN3FoocvSt6vectorIiSaIiEEEv", "Foo::operator std::vector<int, std::allocator<int> >()",
		 "Foo::operator std::vector"},
		{"_ZNK3FooclEi", "Foo::operator()(int) const", "Foo::operator()"},
		{"_ZN3FooptEv", "Foo::operator->()", "Foo::operator->"},
		{"_ZNK3FoossERKS_", "Foo::operator<=>(Foo const&) const", "Foo::operator<=>"},
		{"_ZNSt8functionIFviEEC2IZ4mainEUlvE_vEEOT_",
		 "std::function<void (int)>::function<main::{lambda()#1}, void>(main::{lambda()#1}&&)",
		 "std::function::function"},
		{"_Z1fIXgtLi1ELi2EEEvv", "void f<((1)>(2))>()", "f"},
		{"_ZN3fooEv.cold", "foo() [clone .cold]", "foo"},
		{"_Z3foov@plt", "foo()@plt", "foo@plt"},
		{"_Z3foov [module]", "foo() [module]", "foo [module]"},
		{"_Znwm", "operator new(unsigned long)", "operator new"},
		{"_ZN4core3ptr42drop_in_place$LT$alloc..string..String$GT$17h0123456789abcdefE",
		 "core::ptr::drop_in_place<alloc::string::String>", "core::ptr::drop_in_place"},
		{"_ZN60_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..ops..Drop$GT$4drop17h0123456789abcdefE",
		 "<alloc::vec::Vec<T> as core::ops::Drop>::drop", "<alloc::vec::Vec as core::ops::Drop>::drop"},
		{"_ZN3std2rt10lang_start28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE.llvm.1234567",
		 "std::rt::lang_start::{{closure}}", "std::rt::lang_start::{{closure}}"},
		{"_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar", "mycrate::foo::bar"},
		{"_RNCNvC6_123foo3bar0B3_", "123foo::bar::{closure#0}", "123foo::bar::{closure#0}"},
		{"_RINvNtC3std3mem8align_ofjdE", "std::mem::align_of::<usize, f64>", "std::mem::align_of"},
		{"_RNvXs_C3fooNtB4_3BarINtNtC4core7convert4FromhE4from",
		 "<foo::Bar as core::convert::From<u8>>::from", "<foo::Bar as core::convert::From>::from"},
		{"main", NULL, NULL},
		{"", NULL, NULL},
		{"_", NULL, NULL},
		{"_Z", NULL, NULL},
		{"_R", NULL, NULL},
		{"_ZN", NULL, NULL},
		{"_Zebra", NULL, NULL},
		{"_RNvC6_", NULL, NULL},
		{"LazyCompile:~_ZN3fooEv a.js", NULL, NULL},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		bool done = demangle(buf, names[i].raw, SYMBOL_NAMES_FULL);

		CHECK_EQ(done, names[i].full != NULL);
		if (done && names[i].full)
			CHECK_STR(buf, names[i].full);
		done = demangle(buf, names[i].raw, SYMBOL_NAMES_SHORT);
		CHECK_EQ(done, names[i].brief != NULL);
		if (done && names[i].brief)
			CHECK_STR(buf, names[i].brief);
		CHECK(!demangle(buf, names[i].raw, SYMBOL_NAMES_RAW));
	}
}

/* Already readable names with what the two languages can put between brackets, and brackets that do not match. */
static void check_short(void)
{
	static const char *const names[][2] = {
		{"a<b>(c)", "a"},
		{"a::<b>::c", "a::c"},
		{"core::iter::<impl Iterator for Vec<T>>::next", "core::iter::<impl Iterator for Vec>::next"},
		{"<(A, B<C>) as Trait>::f", "<(A, B) as Trait>::f"},
		{"<&[T] as Into<<U as V<W>>::X>>::into", "<&[T] as Into>::into"},
		{"<fn(A) -> B<C> as Trait>::f", "<fn(A) -> B as Trait>::f"},
		{"f<void (*)(int) -> int, &A::operator->>::g(int) const &", "f::g"},
		{"f<(a<b)>::g", "f::g"},
		{"operators<int>::f", "operators::f"},
		{"A::operator>(A const&)", "A::operator>"},
		{"A::operator>> <int>(A&)", "A::operator>>"},
		{"a<b", "a"},
		{"a(b", "a"},
		{"<a", "<a"},
		{"a>b)c", "a>b)c"},
		{"(x)", ""},
		{"", ""},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(buf, sizeof(buf), "%s", names[i][0]);
		short_name(buf);
		CHECK_STR(buf, names[i][1]);
	}
}

/* prefix + part * n + suffix */
static char *repeat(const char *prefix, const char *part, size_t n, const char *suffix)
{
	size_t len = strlen(prefix), part_len = strlen(part);
	char *made = calloc(1, len + n * part_len + strlen(suffix) + 1);

	memcpy(made, prefix, len);
	for (size_t i = 0; i < n; i++)
		memcpy(made + len + i * part_len, part, part_len);
	memcpy(made + len + n * part_len, suffix, strlen(suffix));
	return made;
}

static void check_one_hostile(char *name)
{
	for (int names = SYMBOL_NAMES_FULL; names <= SYMBOL_NAMES_SHORT; names++)
		if (demangle(buf, name, (enum symbol_names)names))
			CHECK(strlen(buf) < DEMANGLED_MAX);
	free(name);
}

static void check_hostile(void)
{
	char doubling[2000] = "_Z1fSt4pairIiiE";
	char *long_name;

	/* each argument is twice the one before: 2^38 times "int" */
	for (int i = 0; i < 38; i++) {
		static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
		char seq[3] = {i > 0 ? digits[(2 * i - 1) % 36] : '_', '_', 0}, part[32];

		snprintf(part, sizeof(part), "St4pairIS%.2sS%.2sE", seq, seq);
		strncat(doubling, part, sizeof(doubling) - strlen(doubling) - 1);
	}
	CHECK(!demangle(buf, doubling, SYMBOL_NAMES_FULL) || strlen(buf) < DEMANGLED_MAX);
	check_one_hostile(repeat("_Z1f", "P", SYMBOL_NAME_MAX - 5, "i"));
	check_one_hostile(repeat("_Z", "N", 3000, ""));
	check_one_hostile(repeat("_Z1fI", "S_", 1900, "Evv"));
	check_one_hostile(repeat("_Z1fIX", "ng", 1900, "EEvv"));
	check_one_hostile(repeat("_Z1f", "Dp", 1900, "T_"));
	check_one_hostile(repeat("_RINvC1a1b", "T", 1500, ""));
	check_one_hostile(repeat("_RINvC1a1b", "TB9_", 900, "E"));
	check_one_hostile(repeat("_RNvC", "9", 3900, "a"));
	/* a part that refers to itself */
	check_one_hostile(repeat("_RINvC1aB_", "B_", 1900, "E"));
	check_one_hostile(repeat("_RINvMsYB_I", "NvB_1a", 600, "E"));
	check_one_hostile(repeat("_RNvCu3900", "a_", 1900, "zzzz9999"));
	check_one_hostile(repeat("_ZN", "1a", 1900, "17h0123456789abcdefE"));
	/* beyond what a table gives */
	long_name = repeat("_Z1f", "i", SYMBOL_NAME_MAX, "");
	CHECK(!demangle(buf, long_name, SYMBOL_NAMES_FULL));
	free(long_name);
	/* longer than libiberty takes without being told to */
	long_name = repeat("_ZN", "1a", 900, "1bEv");
	CHECK(demangle(buf, long_name, SYMBOL_NAMES_FULL));
	CHECK_EQ(strlen(buf), 900 * 3 + 3);
	free(long_name);
}

int main(void)
{
	check_names();
	check_short();
	check_hostile();
	return check_done();
}
