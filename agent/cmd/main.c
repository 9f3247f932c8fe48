/* SPDX-License-Identifier: MIT */
/*
 * main.c - the program. The surprise: where the locale is not UTF-8 it takes C.UTF-8, because what it prints always is (names
 * are cleaned to UTF-8), and a byte-wise locale would miscount its columns.
 */
#include <langinfo.h>
#include <locale.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/look.h"

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		setlocale(LC_CTYPE, "C.UTF-8");
	if (look_is_asked(argv[0]))
		return look_main();
	return command_main(argc, argv);
}
