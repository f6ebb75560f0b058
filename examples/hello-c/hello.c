/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	printf("Hello from C, as user %d\n", (int)getuid());
	return 0;
}
