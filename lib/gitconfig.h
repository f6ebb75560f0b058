/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration files of git (git-config(1)): a guest is shown them without what is secret. */
#ifndef HL_LIB_GITCONFIG_H
#define HL_LIB_GITCONFIG_H

/* *text: what the file says but for passwords, tokens and the programs that know them, malloc'd;
 * NULL: there are none, so that the file can be shown as it is. 0 or -errno. */
int gitconfig_without_secrets(const char *file, char **text);
/* The same as a function of the text alone, `len` bytes and a NUL; NULL: no memory. */
char *gitconfig_strip(const char *text, unsigned long len);
/* *text: a configuration with the name and the address that the user with this home has for
 * commits, malloc'd. 0 or -errno. */
int gitconfig_identity(const char *home, char **text);

#endif
