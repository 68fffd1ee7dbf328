/* SPDX-License-Identifier: BSD-3-Clause */
/* Checking and emptying the client slots. */
#ifndef CLIENT_CHECK_H
#define CLIENT_CHECK_H

#include "base/fault.h"
#include "client/client.h"

void client_check(const struct client *c, struct fault_sink *sink);

/** host_check() - entries of hosts, and what slots say of them */
void host_check(const struct client *c, struct fault_sink *sink);

/** client_check_dead() - notices of what the dead have left; how many they are */
uint32_t client_check_dead(const struct client *c, struct fault_sink *sink);

/** client_rebuild() - nobody is there; the ledger has been emptied */
void client_rebuild(struct client *c);

#endif
