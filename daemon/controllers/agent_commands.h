/* What a guest's agent must be able to do for its instance (KubeVirt's condition AgentVersionNotSupported).  Pure. */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_AGENT_COMMANDS_H
#define SOLOVIRT_DAEMON_CONTROLLERS_AGENT_COMMANDS_H

#include <jansson.h>

#include "src/api/vmi.h"

/* commands: names of those that the agent has (domain-guest-info).  What is amiss, in KubeVirt's words, or NULL; static. */
const char *agent_lacks(const struct vmi_spec *spec, const json_t *commands);

#endif
