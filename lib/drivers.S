/* SPDX-License-Identifier: Apache-2.0 */
/* The drivers (lib/drivers/), as the strings that their runtimes get. */
	.macro driver name, file
	.globl driver_\name
	.hidden driver_\name
driver_\name:
	.incbin "\file"
	.byte 0
	.endm

	.section .rodata
	driver python3, "lib/drivers/python3.py"
	driver node, NODE_DRIVER
	driver perl, "lib/drivers/perl.pl"
	driver ruby, "lib/drivers/ruby.rb"
	driver bash, "lib/drivers/bash.sh"
	.section .note.GNU-stack, "", %progbits
