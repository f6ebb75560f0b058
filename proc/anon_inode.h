/* SPDX-License-Identifier: Apache-2.0 */
/* Where /proc/PID/fd/N leads when the file has no path: an inode that is the file (a pipe, a socket, an eventfd...). */
#ifndef HL_PROC_ANON_INODE_H
#define HL_PROC_ANON_INODE_H

struct caller;
struct dentry;
struct file;
struct filesystem;

/* A nameless dentry of `fs` whose inode stands for `f`: stat gives fstat's answer, open opens it anew where its kind
 * can be. */
int anon_dentry(struct filesystem *fs, struct caller *c, struct file *f, struct dentry **out);

#endif
