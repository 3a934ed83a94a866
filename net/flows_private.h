/* Shared by flows.c and flows_group.c. */
#ifndef SOLOVIRT_NET_FLOWS_PRIVATE_H
#define SOLOVIRT_NET_FLOWS_PRIVATE_H

#include "net/flows.h"

enum { TABLE_SENDER = 0, TABLE_FROM = 1, TABLE_EGRESS = 10, TABLE_EGRESS_1 = 11, TABLE_RECEIVER = 20, TABLE_INGRESS = 21, TABLE_INGRESS_1 = 22 };
#define TO_RECEIVER "resubmit(,20)"

struct flow_list {
	GPtrArray *order;    /* "table=..,priority=..,match", as they came */
	GHashTable *actions; /* of each of them */
	unsigned zone;       /* of connection tracking */
	bool metered;
	unsigned conjunctions;
};

void flow_add(struct flow_list *list, int table, int priority, const char *match, const char *actions);
void flow_addf(struct flow_list *list, int table, int priority, const char *actions, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* An address or a subnet as flows have it. */
struct flow_net {
	int version;
	bool all; /* every address of the version */
	char text[56];
};
int flow_net_parse(const char *text, struct flow_net *net, struct error *err);

/* Adds the rules of a port's groups; from and to: how packets of the port and to it are told. */
int flow_groups_add(struct flow_list *list, const struct flow_port *port, const char *from, const char *to, struct error *err);

#endif
