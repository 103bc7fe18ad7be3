/* SPDX-License-Identifier: MIT */
#ifndef SP_ASSIGN_EMIT_H
#define SP_ASSIGN_EMIT_H

#include "assign/assign.h"
#include "base/buf.h"

/*
 * One function for each artefact. Each appends to an empty *out, and leaves it empty where it does
 * not apply. That no memory was left shows in out->failed.
 *
 * What comes from the machine is any bytes. It gets into comments and texts by sp_text_plain() and
 * its kin alone, and into nothing that is run or read back: there only numbers go that are written
 * anew, and names of drivers that assign_is_module_name() has passed.
 */
void assign_emit_xl(const struct sp_assign *assign, struct sp_buf *out);
void assign_emit_take(const struct sp_assign *assign, struct sp_buf *out);
void assign_emit_give_back(const struct sp_assign *assign, struct sp_buf *out);
void assign_emit_modprobe(const struct sp_assign *assign, struct sp_buf *out);
void assign_emit_bootargs(const struct sp_assign *assign, struct sp_buf *out);
void assign_emit_qemu(const struct sp_assign *assign, struct sp_buf *out);
void assign_emit_libvirt(const struct sp_assign *assign, struct sp_buf *out);
void assign_emit_commands(const struct sp_assign *assign, struct sp_buf *out);
void assign_emit_json(const struct sp_assign *assign, struct sp_buf *out);
void assign_emit_report(const struct sp_assign *assign, struct sp_buf *out);

/* text.c */

/* "xen-4.20, dom0 pv, guest hvm"; "kvm" */
void assign_put_target(struct sp_buf *out, const struct sp_assign *assign);
/* Three lines of comment that open a file. */
void assign_put_heading(struct sp_buf *out, const struct sp_assign *assign, const char *what);
/* "VGA compatible controller [1002:744c], Navi 31" */
void assign_put_description(struct sp_buf *out, const struct sp_function *function);
/* "0000:03:00.0: VGA compatible controller …" */
void assign_put_function(struct sp_buf *out, const struct sp_given *given);
/* A word of the shell, in single quotes. */
void assign_put_quoted(struct sp_buf *out, const char *text);
/* "10de:2684": as the machine's vendor and device, in hexadecimal of four digits. */
void assign_put_ids(struct sp_buf *out, const struct sp_function *function);
/* "BAR 0", "ROM  " */
void assign_put_bar(struct sp_buf *out, uint32_t bar);
/* The interrupts that the function can raise: "MSI-X (17 vectors), MSI (1), INTA". */
void assign_put_interrupts(struct sp_buf *out, const struct sp_function *function);

bool assign_is_module_name(const char *name);
/* "(0000:03:00.0)(0000:03:00.1)": those that are held at boot; false if there are none. */
bool assign_put_hide(struct sp_buf *out, const struct sp_assign *assign);
/* "10de:2684,10de:22ba", each once, likewise. */
bool assign_put_id_list(struct sp_buf *out, const struct sp_assign *assign);

#endif
