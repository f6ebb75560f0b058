/* SPDX-License-Identifier: Apache-2.0 */
/* Open generated files and directories. */
#ifndef HL_PROC_PSEUDO_FILE_H
#define HL_PROC_PSEUDO_FILE_H

struct file;
struct pseudo_node;

int pseudo_file_open(struct pseudo_node *n, int flags, struct file **out);

#endif
