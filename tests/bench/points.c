/* SPDX-License-Identifier: MIT */
/*
 * points.c - a program with 500 probe points of a pool, for who wants to put as many probes on. The surprise: they are never passed, and written as notes alone, since the
 * SDK has one point for each verb, however often that is called.
 */
#include <stdint.h>
#include <unistd.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

/* A place and its note, as <sys/sdt.h> lays them out; no semaphore. */
#define POINT                                                                                      \
	__asm__ __volatile__("990: nop\n"                                                          \
			     ".pushsection .note.stapsdt, \"?\", \"note\"\n"                       \
			     ".balign 4\n"                                                         \
			     ".4byte 992f - 991f, 994f - 993f, 3\n"                                \
			     "991: .asciz \"stapsdt\"\n"                                           \
			     "992: .balign 4\n"                                                    \
			     "993: .8byte 990b, _.stapsdt.base, 0\n"                               \
			     ".asciz \"poolscope\"\n"                                              \
			     ".asciz \"acquired\"\n"                                               \
			     ".asciz \"8@%%rdi 8@%%rsi 8@%%rdx 8@%%rcx\"\n"                        \
			     "994: .balign 4\n"                                                    \
			     ".popsection\n");
#define FIVE(x) x x x x x
#define TEN(x) FIVE(x) FIVE(x)

__asm__(".pushsection .stapsdt.base, \"aG\", \"progbits\", .stapsdt.base, comdat\n"
	".weak _.stapsdt.base\n"
	".hidden _.stapsdt.base\n"
	"_.stapsdt.base: .space 1\n"
	".size _.stapsdt.base, 1\n"
	".popsection\n");

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1000)
		FIVE(TEN(TEN(POINT)))
	pause();
	return 0;
}
