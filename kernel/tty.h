/* SPDX-License-Identifier: Apache-2.0 */
/* Terminals and job control (tty_ioctl(2), credentials(7)): the host's terminal passed through, and ptys of the guest.
 */
#ifndef HL_KERNEL_TTY_H
#define HL_KERNEL_TTY_H

struct process;
struct tty;

struct tty *tty_get(struct tty *tty);
void tty_put(struct tty *tty);
/* The session leader `p` ends or gives up its terminal: SIGHUP and SIGCONT to the foreground group, the terminal is
 * nobody's. sandbox->lock held. */
void tty_session_ended(struct tty *tty, struct process *p);

#endif
