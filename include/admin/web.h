/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * web - the web page on a loopback address: who may see it, where each path goes.
 *
 * Plain HTTP, for a browser on this machine or at the other end of an SSH tunnel. Every request is refused that does
 * not name a loopback host (DNS rebinding); pages and data need a session; a change also needs our Origin and the
 * session's CSRF word. What is shown is what the control API answers (admin/api), asked with the rights of who fetched
 * the sign-in link.
 *
 * Thread    loop only.
 * Lifetime  web_start() to the `stopped` callback of web_stop().
 */
#ifndef COMPLYD_ADMIN_WEB_H
#define COMPLYD_ADMIN_WEB_H

#include "admin/peer.h"
#include "base/buf.h"
#include "base/error.h"

struct daemon;
struct uv_loop_s;
struct web;

/* Listens on "127.0.0.1:8080" or "[::1]:8080" (base/settings has checked the form). ERR_EXISTS: the port is taken. */
int web_start(struct uv_loop_s *loop, struct daemon *daemon, const char *listen, struct web **ret_web,
              struct error *err);
void web_stop(struct web *web, void (*stopped)(void *ctx), void *ctx);

/* Appends the address of a page that signs `peer` in, once, within SESSION_LINK_MS. 0 or ERR_*. */
int web_link(struct web *web, const struct peer *peer, struct buf *out);

#endif
