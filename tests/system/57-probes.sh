# Probes, what is told of an instance, and the ways by which people get into a guest.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

happened() { sv events | grep -q "$1"; }
ready_is() { await "${3:-60}" "[ \"\$(condition vmi/$1 Ready)\" = $2 ]"; }
# in_guest VM COMMAND: by the guest's agent
in_guest() {
  virsh_ qemu-agent-command "$(domain "$1")" \
    "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/sh\",\"arg\":[\"-c\",\"$2\"]}}" >/dev/null
}

test_a_guest_is_ready_while_it_listens() {
  vm door spec='      readinessProbe: {tcpSocket: {port: 2222}, periodSeconds: 1}' | drop door.yaml
  booted door
  await 30 'message vmi/door Ready | grep -q "the readiness probe failed: cannot connect"'
  same ContainersNotReady "$(reason vmi/door Ready)"
  same False "$(condition vmi/door Ready)"
  await 10 'happened "Unhealthy.*Readiness probe failed: "'
  await 30 'in_guest door "httpd -f -p 2222 >/dev/null 2>&1 & echo \$! >/run/web"'
  ready_is door True
  # a daemon that starts again does not take it back before it has looked
  daemon_stop; daemon_start
  same True "$(condition vmi/door Ready)"
  in_guest door 'kill $(cat /run/web)'
  ready_is door False
  lift door.yaml; gone vm/door
}

test_the_guests_agent_is_asked() {
  vm asked spec='      readinessProbe: {exec: {command: [test, -e, /run/open]}, periodSeconds: 1, timeoutSeconds: 5}' | drop asked.yaml
  vm pinged spec='      readinessProbe: {guestAgentPing: {}, periodSeconds: 1}' | drop pinged.yaml
  booted asked; booted pinged
  ready_is pinged True
  await 30 'message vmi/asked Ready | grep -q "the command ended with exit code 1"'
  in_guest asked 'touch /run/open'
  ready_is asked True
  lift asked.yaml; lift pinged.yaml; gone vm/asked; gone vm/pinged
}

test_a_guest_that_is_not_alive_is_ended_and_begins_anew() {
  local server first
  host mkdir -p "$S/www"; host touch "$S/www/alive"
  host python3 -m http.server --bind 127.0.0.1 --directory "$S/www" 8099 >/dev/null 2>&1 &
  server=$!
  vm sick grace=20 spec='      livenessProbe: {httpGet: {host: 127.0.0.1, port: 8099, path: /alive}, periodSeconds: 1, failureThreshold: 2}' |
    drop sick.yaml
  booted sick
  first=$(field vmi/sick .metadata.uid)
  expect 'sv pause sick 2>&1 | grep -q "a paused guest cannot answer its liveness probe"'
  same True "$(condition vmi/sick Ready)"
  host rm "$S/www/alive"
  await 30 'happened "Unhealthy.*Liveness probe failed: HTTP probe failed with statuscode: 404"'
  await 10 'happened "Killing.*liveness probe"'
  host touch "$S/www/alive"
  await 60 'happened "Stopped.*its liveness probe failed"'
  await 60 '[ "$(field vmi/sick .metadata.uid)" != "$first" ]'
  booted sick 2 120
  running sick
  kill "$server"
  lift sick.yaml; gone vm/sick
}

test_what_a_probe_cannot_do_here_is_said() {
  vm far spec='      readinessProbe: {httpGet: {host: guest.example, port: 443, scheme: HTTPS}}' >"$WORK/far.yaml"
  expect "sv validate -f '$WORK/far.yaml' 2>&1 | grep -q 'readinessProbe.httpGet.scheme: HTTPS is not spoken'"
  expect "sv validate -f '$WORK/far.yaml' 2>&1 | grep -q 'readinessProbe.httpGet.host: Names are not looked up'"
}

test_what_is_told_of_an_instance() {
  vm told data=told-data | drop told.yaml
  booted told
  await 10 'field vmi/told .status.machine.type | grep -q "^pc-q35-[0-9]"'
  same 'data root seed' "$(field vmi/told '.status.volumeStatus[*].name')"
  same 'vdb vda vdc' "$(field vmi/told '.status.volumeStatus[*].target')"
  same told-data "$(field vmi/told '.status.volumeStatus[0].persistentVolumeClaimInfo.claimName')"
  same 64Mi "$(field vmi/told '.status.volumeStatus[0].persistentVolumeClaimInfo.capacity.storage')"
  same DisksNotLiveMigratable "$(reason vmi/told LiveMigratable)"
  expect 'message vmi/told LiveMigratable | grep -q "^cannot migrate VMI: PVC told-root is not shared"'
  same True "$(condition vmi/told StorageLiveMigratable)"
  same AllDVsReady "$(reason vmi/told DataVolumesReady)"
  same 'BlockMigration Unix Burstable' "$(echo "$(field vmi/told .status.migrationMethod) $(field vmi/told .status.migrationTransport) $(field vmi/told .status.qosClass)")"
  await 60 '[ "$(field vmi/told ".status.interfaces[0].interfaceName")" = eth0 ]'
  same 'domain, guest-agent' "$(field vmi/told '.status.interfaces[0].infoSource')"
  same '1 up' "$(echo "$(field vmi/told '.status.interfaces[0].queueCount') $(field vmi/told '.status.interfaces[0].linkState')")"
  lift told.yaml; gone vm/told
}

# secret_of NAME KEY VALUE
secret_of() { printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: %s}\nstringData: {%s: "%s"}\n' "$@"; }

test_keys_come_with_the_seed() {
  secret_of seeded-keys me 'ssh-ed25519 AAAASEED me@here' | drop seeded-keys.yaml
  vm seeded spec='      accessCredentials: [{sshPublicKey: {source: {secret: {secretName: seeded-keys}}, propagationMethod: {noCloud: {}}}}]' \
    user='sed s/^/TB-KEY\ / /root/.ssh/authorized_keys >/dev/console' | drop seeded.yaml
  booted seeded
  expect 'console seeded | grep -q "TB-KEY ssh-ed25519 AAAASEED me@here"'
  lift seeded.yaml; gone vm/seeded; lift seeded-keys.yaml; gone secret/seeded-keys
}

test_keys_and_passwords_come_by_the_agent() {
  local at; at=$(mark)
  secret_of live-keys me 'ssh-ed25519 AAAALIVE me@here' | drop live-keys.yaml
  secret_of live-password root 'hush-hush-1' | drop live-password.yaml
  vm live spec='      accessCredentials:
        - sshPublicKey: {source: {secret: {secretName: live-keys}}, propagationMethod: {qemuGuestAgent: {users: [root]}}}
        - userPassword: {source: {secret: {secretName: live-password}}, propagationMethod: {qemuGuestAgent: {}}}' | drop live.yaml
  booted live
  await 60 '[ "$(condition vmi/live AccessCredentialsSynchronized)" = True ]'
  await 10 'happened AccessCredentialsSyncSuccess'
  in_guest live 'sed s/^/TB-KEY1\\ / /root/.ssh/authorized_keys >/dev/console; sed s/^/TB-SHADOW\\ / /etc/shadow >/dev/console'
  shows live 'TB-KEY1 ssh-ed25519 AAAALIVE me@here'
  shows live 'TB-SHADOW root:\$'
  # a Secret that changes is handed over again
  secret_of live-keys me 'ssh-ed25519 AAAANEXT me@here' | drop live-keys.yaml
  await 60 'in_guest live "sed s/^/TB-KEY2\\\\ / /root/.ssh/authorized_keys >/dev/console"; console live | grep -q "TB-KEY2 ssh-ed25519 AAAANEXT"'
  refute 'log_since '"$at"' | grep -q "hush-hush-1\|AAAALIVE\|AAAANEXT"'
  refute 'sv events -o yaml | grep -q "hush-hush-1\|AAAALIVE\|AAAANEXT"'
  lift live.yaml; gone vm/live; lift live-keys.yaml; lift live-password.yaml; gone secret/live-keys
}
